using System.Globalization;

namespace EmoStream.Streaming.Kafka.DeadLetters;

/// <summary>Where a record lies, as letters and states write it: <c>topicId/partition@offset</c>.</summary>
internal static class RecordPosition
{
    public static string Of(string source, long offset) => $"{source}@{offset}";

    public static string Source(string position) => position[..Math.Max(0, position.LastIndexOf('@'))];

    public static string TopicId(string source) => source[..Math.Max(0, source.LastIndexOf('/'))];

    public static long? Offset(string? position) =>
        position is not null && long.TryParse(position[(position.LastIndexOf('@') + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var offset)
            ? offset
            : null;

    /// <summary>Whether one lies before another in the same partition of the same topic.</summary>
    public static bool IsBefore(string position, string other) => Source(position) == Source(other) && Offset(position) < Offset(other);
}
