using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace EmoStream.Streaming.Kafka.DeadLetters;

/// <summary>
/// That a stream is parked, or was, as it lies in the compacted parking topic; of each partition by itself, as its order is.
/// <code>
/// key    3/probe/conversation-7
/// value  {"since":"billing:q8Xw/3@1071","from":"q8Xw/3@1071","atMs":1763860000000,"attempts":4,
///         "failedWith":"FormatException","letters":12,
///         "ranges":[{"since":"billing:q8Xw/3@1071","first":"q8Xw/3@1071","last":"q8Xw/3@1090","endedAt":"q8Xw/3@1104"}],"ended":true}
/// </code>
/// Positions are <c>topicId/partition@offset</c>.
/// </summary>
/// <param name="Since">Names this parking, see <see cref="NameOf"/>.</param>
/// <param name="From">The position of the first event that became a letter: what lies before it is no part of the parking.</param>
/// <param name="AtMs">When the stream was parked, in milliseconds since 1970.</param>
/// <param name="Attempts">How often the event was delivered that was given up.</param>
/// <param name="FailedWith">The type of the exception at the last attempt.</param>
/// <param name="Letters">Counts the letters of this parking and of those before it.</param>
/// <param name="Ranges">Where events of the stream became letters, in this parking and in those before it; the latest last.</param>
/// <param name="Ended">The letters have been sent again, and the stream is parked no longer.</param>
internal sealed record ParkedState(
    string Since,
    string From,
    long AtMs,
    int Attempts = 0,
    string FailedWith = "",
    int Letters = 0,
    ParkedRange[]? Ranges = null,
    bool Ended = false)
{
    private const byte Separator = (byte)'/';
    private const byte Percent = (byte)'%';

    /// <summary>Of parkings before this one.</summary>
    private const int MostRanges = 64;

    /// <summary>The position of the last event of this parking that went to the dead-letter topic. Null: none is there yet.</summary>
    [JsonIgnore]
    public string? Last => Ranges is [.., { } latest] && latest.Since == Since ? latest.Last : null;

    /// <summary>Changes with every letter: what the end of a redrive repeats, so that it ends nothing of which it does not know.</summary>
    [JsonIgnore]
    public string Mark => string.Create(CultureInfo.InvariantCulture, $"{Last}#{Letters}");

    /// <summary>
    /// The group, because what another application of the topic sends again is not for this one's parked stream, and the position of
    /// the event that was given up.
    /// </summary>
    public static string NameOf(string group, string position) => $"{group}:{position}";

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, ParkedJson.Default.ParkedState);

    /// <summary>
    /// Whether an event became a letter that is read again: what was sent again for a parking is none of its letters, though it may lie
    /// between them.
    /// </summary>
    /// <param name="position">Where it lies.</param>
    /// <param name="redrive">The parking that it was sent again for; null: for none.</param>
    public bool HasLetterOf(string position, string? redrive) => Ranges?.Any(range => range.Since != redrive && range.Contains(position)) == true;

    /// <summary>The position of the end of a parking: its letters have been delivered, and what is sent again for it behind that once more. Null: it has none, or is not known.</summary>
    /// <param name="since">The parking.</param>
    /// <param name="waiting">The position of an end that was accepted for all that have none yet; null: of none.</param>
    public string? EndOf(string? since, string? waiting = null) => Ranges?.LastOrDefault(range => range.Since == since) is { } last ? last.EndedAt ?? waiting : null;

    /// <summary>All letters have been sent again, those of parkings before it too, and this position ends it.</summary>
    public ParkedState WithEnd(string position) => this with { Ended = true, Ranges = [.. (Ranges ?? []).Select(range => range with { EndedAt = range.EndedAt ?? position })] };

    /// <summary>Whether a letter, and all before it, are in the dead-letter topic when the state is; of another life of the topic there is no telling.</summary>
    public bool Names(string position) =>
        Ranges?.Any(range => range.Contains(position)) == true || Ranges?.Any(range => RecordPosition.Source(range.Last) == RecordPosition.Source(position)) != true;

    /// <summary>Whether a position lies before the parking. Between two lives of a topic there is no order: then it does not.</summary>
    public bool BeganAfter(string position) => RecordPosition.IsBefore(position, From);

    /// <summary>With one letter more, behind the others.</summary>
    /// <param name="position">Where its event lies.</param>
    /// <param name="extends">Whether whatever came to the stream since the last letter is known.</param>
    public ParkedState With(string position, bool extends)
    {
        var range = extends ? Ranges?.LastOrDefault(range => range.Since == Since && RecordPosition.Source(range.Last) == RecordPosition.Source(position)) : null;
        var others = (Ranges ?? []).Where(other => other != range).ToLookup(other => other.Since == Since);
        return this with
        {
            Letters = Letters + 1,
            Ranges = [.. others[false].TakeLast(MostRanges), .. others[true], range is null ? new(Since, position, position) : range with { Last = position }],
        };
    }

    /// <summary>Whether none of the letters' records is in the topic any longer: nothing of them can be read again.</summary>
    /// <param name="source">A partition, as <c>topicId/partition</c>; what is of another topic was deleted with it.</param>
    /// <param name="low">The first offset that is left in it.</param>
    public bool IsGone(string source, long low) => Ranges?.All(range =>
        RecordPosition.TopicId(RecordPosition.Source(range.Last)) != RecordPosition.TopicId(source)
        || (RecordPosition.Source(range.Last) == source && RecordPosition.Offset(range.Last) < low)) != false;

    /// <summary>Null for what is not such a state.</summary>
    public static ParkedState? Of(byte[]? value)
    {
        try
        {
            var state = value is null or { Length: 0 } ? null : JsonSerializer.Deserialize(value, ParkedJson.Default.ParkedState);
            return state is { Since: not null, From: not null } && state.Ranges?.Any(range => range is not { Since: not null, First: not null, Last: not null }) != true ? state : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Key of a state: partition, slash, the stream.</summary>
    public static byte[] KeyOf(int partition, ReadOnlySpan<byte> stream) => [.. PrefixOf(partition), .. stream];

    /// <summary>Null for what is no such key, or of another partition.</summary>
    public static StreamId? StreamOf(int partition, byte[]? key) =>
        PrefixOf(partition) is var prefix && key.AsSpan().StartsWith(prefix) ? StreamOf(key![prefix.Length..]) : null;

    private static byte[] PrefixOf(int partition) => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{partition}/"));

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

/// <summary>Where a parking had its letters: all that came to the stream in between, but for what was sent again for this parking.</summary>
/// <param name="Since">The parking.</param>
/// <param name="First">The position of the first of them.</param>
/// <param name="Last">The position of the last of them.</param>
/// <param name="EndedAt">The position of the end of the parking; null before it.</param>
internal sealed record ParkedRange(string Since, string First, string Last, string? EndedAt = null)
{
    public bool Contains(string position) =>
        position == Last || (RecordPosition.IsBefore(position, Last) && !RecordPosition.IsBefore(position, First));
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ParkedState))]
internal sealed partial class ParkedJson : JsonSerializerContext;
