using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace EmoStream.Streaming.Kafka.DeadLetters;

/// <summary>
/// That a stream is parked, as it lies in the compacted parking topic; no record, or one without value: it is not.
/// <code>
/// key    probe/conversation-7
/// value  {"partition":3,"since":"billing:q8Xw/3@1071#1763860000000","last":"q8Xw/3@1090","atMs":1763860000000,
///         "from":"q8Xw/3@1071","attempts":4,"failedWith":"FormatException"}
/// </code>
/// Positions are <c>topicId/partition@offset</c>.
/// </summary>
/// <param name="Partition">The partition of the event.</param>
/// <param name="Since">Names this parking, see <see cref="NameOf"/>.</param>
/// <param name="Last">The position of the last event that went to the dead-letter topic: every letter up to it is there. Empty: none is yet.</param>
/// <param name="AtMs">When the stream was parked, in milliseconds since 1970.</param>
/// <param name="From">The origin of the first event that became a letter: where it lay before it was sent again for the first time. What lies before that is no part of the parking.</param>
/// <param name="Attempts">How often the event was delivered that was given up.</param>
/// <param name="FailedWith">The type of the exception at the last attempt.</param>
internal sealed record ParkedState(
    int Partition, string Since, string Last, long AtMs, string? From = null, int Attempts = 0, string FailedWith = "")
{
    private const byte Separator = (byte)'/';
    private const byte Percent = (byte)'%';

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, ParkedJson.Default.ParkedState);

    /// <summary>
    /// The group, because what another application of the topic sends again is not for this one's parked stream; the position of
    /// the event that was given up; and the time, because one that is read again can be given up again.
    /// </summary>
    public static string NameOf(string group, string position, long atMs) => string.Create(CultureInfo.InvariantCulture, $"{group}:{position}#{atMs}");

    /// <summary>Whether a position lies before the first event that became a letter. Between two partitions there is no order: then it does not.</summary>
    public bool BeganAfter(string position) => From is not null && RecordPosition.IsBefore(position, From);

    /// <summary>Whether an event that is part of the parking has its letter already: it is read again.</summary>
    public bool Names(string position) => position == Last || RecordPosition.IsBefore(position, Last);

    /// <summary>Null for what is not such a state.</summary>
    public static ParkedState? Of(byte[]? value)
    {
        try
        {
            return value is null or { Length: 0 } ? null : JsonSerializer.Deserialize(value, ParkedJson.Default.ParkedState);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Namespace, slash, key. A slash in the namespace is written <c>%2F</c> and a percent sign <c>%25</c>.</summary>
    public static byte[] KeyOf(StreamId stream)
    {
        var key = new List<byte>(stream.Namespace.Length + 1 + stream.Key.Length);
        foreach (var b in stream.Namespace.Span)
        {
            key.AddRange(b switch { Separator => "%2F"u8, Percent => "%25"u8, _ => [b] });
        }
        key.Add(Separator);
        key.AddRange(stream.Key.Span);
        return [.. key];
    }

    /// <summary>Null for what is no such key.</summary>
    public static StreamId? StreamOf(byte[]? key)
    {
        var at = key.AsSpan().IndexOf(Separator);
        return at < 0 || at == key!.Length - 1 ? null : StreamId.Create(Namespace(key.AsSpan(0, at)), key.AsSpan(at + 1));
    }

    private static byte[] Namespace(ReadOnlySpan<byte> written)
    {
        var bytes = new List<byte>(written.Length);
        for (var i = 0; i < written.Length; i++)
        {
            var isSlash = written[i..].StartsWith("%2F"u8);
            var isEscape = isSlash || written[i..].StartsWith("%25"u8);
            bytes.Add(isSlash ? Separator : written[i]);
            i += isEscape ? 2 : 0;
        }
        return [.. bytes];
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ParkedState))]
internal sealed partial class ParkedJson : JsonSerializerContext;
