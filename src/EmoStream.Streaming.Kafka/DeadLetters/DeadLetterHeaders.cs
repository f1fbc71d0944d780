using System.Text;
using Confluent.Kafka;

namespace EmoStream.Streaming.Kafka;

/// <summary>
/// What stands in the headers of dead letters and of records that are sent again, for tools that work on them. A letter
/// carries key, value and headers of its record as they were (but see <see cref="Own"/>), and these beside them; all values are UTF-8 text unless said
/// otherwise.
/// </summary>
public static class DeadLetterHeaders
{
    /// <summary>What the name of every header begins with that is not the record's own.</summary>
    public const string Prefix = "emostream-dlq-";

    /// <summary>
    /// Stands before the name of a record's own header that begins with <see cref="Prefix"/> itself: producers may send such
    /// headers, and none of them speaks for the provider. Taken off when the record is sent again.
    /// </summary>
    public const string Own = Prefix + "own-";

    /// <summary>What was wrong.</summary>
    public const string Reason = Prefix + "reason";

    /// <summary>The topic that the record lay in.</summary>
    public const string Topic = Prefix + "topic";

    /// <summary>The partition that the record lay in.</summary>
    public const string Partition = Prefix + "partition";

    /// <summary>The record's offset there.</summary>
    public const string Offset = Prefix + "offset";

    /// <summary>The record's timestamp, in milliseconds since 1970.</summary>
    public const string Timestamp = Prefix + "timestamp";

    /// <summary><c>true</c>: the record was too large for the dead-letter topic, or gone from its own; the letter has no value and not all headers.</summary>
    public const string Truncated = Prefix + "truncated";

    /// <summary>How often the event was delivered before it was given up. Only on events that their grain refused.</summary>
    public const string Attempts = Prefix + "attempts";

    /// <summary>The type of the exception at the last attempt. Only on events that their grain refused.</summary>
    public const string FailedWith = Prefix + "failed-with";

    /// <summary>Names the parking of its stream: the group, and the position of the event that was given up, as <c>group:topicId/partition@offset</c>. On that event and on all that came behind it.</summary>
    public const string Parked = Prefix + "parked";

    /// <summary>The stream, as <c>namespace/key</c> in its own bytes. Only with <see cref="Parked"/>.</summary>
    public const string Stream = Prefix + "stream";

    /// <summary>The topic that says whether the stream is still parked. Only with <see cref="Parked"/>.</summary>
    public const string ParkingTopic = Prefix + "parking-topic";

    /// <summary>Where the record lay, as <c>topicId/partition@offset</c>. Only with <see cref="Parked"/>.</summary>
    public const string Position = Prefix + "position";

    /// <summary>Where the record lay when it was sent for the first time: decides the order in which letters are sent again. Only with <see cref="Parked"/>.</summary>
    public const string Origin = Prefix + "origin";

    /// <summary>On a record without value in the dead-letter topic: the letter at this offset of the same partition is done with.</summary>
    public const string Settled = Prefix + "settled";

    /// <summary>On a record that is sent again, and on the one that ends them: the letters' <see cref="Parked"/>.</summary>
    public const string Redrive = "emostream-redrive";

    /// <summary>On a record that is sent again: the letter's <see cref="Origin"/>.</summary>
    public const string RedriveOrigin = "emostream-redrive-origin";

    /// <summary>On a record with an empty value and a key of its own behind those sent again: the <see cref="Position"/> of the last letter that was taken into account, <c>#</c>, and how many letters there were.</summary>
    public const string RedriveEnd = "emostream-redrive-end";

    /// <summary>Beside <see cref="RedriveEnd"/>: the letters' <see cref="Stream"/>.</summary>
    public const string RedriveStream = "emostream-redrive-stream";

    /// <summary>Reads a header as text.</summary>
    /// <param name="headers">The headers, or null.</param>
    /// <param name="name">The header's name.</param>
    /// <returns>The last value of that name, or null.</returns>
    public static string? Text(Headers? headers, string name) => Bytes(headers, name) is { } bytes ? Encoding.UTF8.GetString(bytes) : null;

    /// <summary>Reads a header.</summary>
    /// <param name="headers">The headers, or null.</param>
    /// <param name="name">The header's name.</param>
    /// <returns>The last value of that name, or null.</returns>
    public static byte[]? Bytes(Headers? headers, string name) =>
        headers is not null && headers.TryGetLastBytes(name, out var bytes) ? bytes : null;

    /// <summary>What a record's own header is called on its letter.</summary>
    internal static string OnLetter(string name) => name.StartsWith(Prefix, StringComparison.Ordinal) ? Own + name : name;

    /// <summary>What a letter's header was called on its record; null: it was not there.</summary>
    internal static string? OnRecord(string name) =>
        name.StartsWith(Own, StringComparison.Ordinal) ? name[Own.Length..]
        : name.StartsWith(Prefix, StringComparison.Ordinal) ? null
        : name;

    internal static void Add(this Headers headers, string name, string value) => headers.Add(name, Encoding.UTF8.GetBytes(value));
}
