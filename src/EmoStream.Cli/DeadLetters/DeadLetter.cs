using System.Globalization;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka;
using EmoStream.Streaming.Kafka.DeadLetters;

namespace EmoStream.Cli.DeadLetters;

/// <summary>One record of the dead-letter topic that nobody has sent again yet.</summary>
internal sealed record DeadLetter(ConsumeResult<byte[]?, byte[]?> Record)
{
    // From year 1 to 9999: what DateTimeOffset knows.
    private const long FirstMs = -62_135_596_800_000;
    private const long LastMs = 253_402_300_799_999;

    public Place Place => new(Record.Partition.Value, Record.Offset.Value);

    /// <summary>Whether anything on it says that it is a letter.</summary>
    public bool IsMarked => Record.Message.Headers?.Any(header => header.Key.StartsWith(DeadLetterHeaders.Prefix, StringComparison.Ordinal)) == true;

    public string Reason => Text(DeadLetterHeaders.Reason) ?? "";

    public string Topic => Text(DeadLetterHeaders.Topic) ?? "";

    /// <summary>Where the record lay in its topic; -1 when the letter does not say.</summary>
    public int SourcePartition => (int)Number(DeadLetterHeaders.Partition, -1);

    public long SourceOffset => Number(DeadLetterHeaders.Offset, -1);

    /// <summary>The record's time in milliseconds since 1970. Kafka takes any number for one.</summary>
    public long SourceTimestamp => Number(DeadLetterHeaders.Timestamp, Record.Message.Timestamp.UnixTimestampMs);

    /// <summary>The same; null where the calendar has no such time.</summary>
    public DateTimeOffset? SourceTime => SourceTimestamp is >= FirstMs and <= LastMs ? DateTimeOffset.FromUnixTimeMilliseconds(SourceTimestamp) : null;

    /// <summary>Null for a record that never became an event.</summary>
    public int? Attempts => Text(DeadLetterHeaders.Attempts) is null ? null : (int)Number(DeadLetterHeaders.Attempts, 0);

    public string? FailedWith => Text(DeadLetterHeaders.FailedWith);

    public bool IsTruncated => Text(DeadLetterHeaders.Truncated) is not null;

    /// <summary>The parked stream that the letter waits with; null for letters that stand alone.</summary>
    public byte[]? Stream => DeadLetterHeaders.Bytes(Record.Message.Headers, DeadLetterHeaders.Stream);

    /// <summary>Which of its parkings it is of; null for letters that stand alone.</summary>
    public string? Parking => Text(DeadLetterHeaders.Parked);

    /// <summary>The topic that says whether that stream is parked; null when the letter does not name it.</summary>
    public string? ParkingTopic => Text(DeadLetterHeaders.ParkingTopic);

    public string Key => Record.Message.Key is { } key ? System.Text.Encoding.UTF8.GetString(key) : "";

    /// <summary>Where the record lay, the same on every copy of it: after a crash a letter may be there twice.</summary>
    public string Position => Text(DeadLetterHeaders.Position)
        ?? (SourceOffset < 0 ? $"{Place}" : null)
        ?? string.Create(CultureInfo.InvariantCulture, $"{Topic}/{SourcePartition}@{SourceOffset}/{SourceTimestamp}");

    /// <summary>Topic id and partition that the event lay in first.</summary>
    public string OriginSource => RecordPosition.Source(Event);

    /// <summary>Sorts the letters of a source as they were sent for the first time.</summary>
    public long OriginOffset => RecordPosition.Offset(Text(DeadLetterHeaders.Origin)) ?? SourceOffset;

    /// <summary>For the record that is sent again; null for letters that stand alone.</summary>
    public string? Origin => Text(DeadLetterHeaders.Origin);

    /// <summary>The same on every letter of one event, also where one is of the record that was sent again.</summary>
    public string Event => Origin ?? Position;

    /// <summary>The record's own headers.</summary>
    public IEnumerable<Header> OwnHeaders =>
        from header in Record.Message.Headers ?? []
        let name = DeadLetterHeaders.OnRecord(header.Key)
        where name is not (null or DeadLetterHeaders.Redrive or DeadLetterHeaders.RedriveOrigin)
        select new Header(name, header.GetValueBytes());

    private string? Text(string name) => DeadLetterHeaders.Text(Record.Message.Headers, name);

    private long Number(string name, long otherwise) => long.TryParse(Text(name), CultureInfo.InvariantCulture, out var number) ? number : otherwise;
}

/// <summary>Where a letter lies in the dead-letter topic, written <c>PARTITION:OFFSET</c>.</summary>
internal readonly record struct Place(int Partition, long Offset)
{
    public static bool TryParse(string? text, out Place place)
    {
        place = default;
        var parts = (text ?? "").Split(':');
        if (parts.Length != 2
            || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var partition)
            || !long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var offset))
        {
            return false;
        }

        place = new(partition, offset);
        return true;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Partition}:{Offset}");
}
