using System.Text;
using Confluent.Kafka;

namespace EmoStream.Streaming.Kafka.DeadLetters;

/// <summary>Takes an event's place behind the last record of a parked stream that was sent again; no grain sees it.</summary>
/// <param name="StreamId">The stream.</param>
/// <param name="Since">Which parking it is about: <see cref="ParkedState.Since"/>.</param>
/// <param name="Mark">What <see cref="ParkedState.Mark"/> was when the records were sent: when it is so still, none is missing.</param>
internal sealed record RedriveEnd(StreamId StreamId, string Since, string Mark)
{
    /// <summary>
    /// What the end's key begins with. Not the key of the records before it: their topic may be compacted, and others may read
    /// it as a table, where the end would stand in the place of what they say.
    /// </summary>
    private const string KeyPrefix = "emostream-redrive-end/";

    /// <summary>The same for each end of a parking: a compacted topic keeps the last, which is the one that counts.</summary>
    public static byte[] KeyOf(ParkedState state) => Encoding.UTF8.GetBytes(KeyPrefix + state.Since);

    /// <summary>Whether a record without value, or with an empty one, says that it is such an end.</summary>
    public static bool IsMeant(Headers? headers) => DeadLetterHeaders.Bytes(headers, DeadLetterHeaders.RedriveEnd) is not null;

    /// <summary>Null for records that are no such end.</summary>
    public static RedriveEnd? Of(Headers? headers) =>
        DeadLetterHeaders.Text(headers, DeadLetterHeaders.RedriveEnd) is { } mark
        && DeadLetterHeaders.Text(headers, DeadLetterHeaders.Redrive) is { } since
        && ParkedState.StreamOf(DeadLetterHeaders.Bytes(headers, DeadLetterHeaders.RedriveStream)) is { } stream
            ? new(stream, since, mark)
            : null;
}
