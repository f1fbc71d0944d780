using System.Text;
using Confluent.Kafka;

namespace EmoStream.Streaming.Kafka;

/// <summary>
/// What the host registers to turn Kafka records into events and back: the only place that knows the payload.
/// Register it as a singleton, keyed by the provider's name or unkeyed. It is called from several threads at once.
/// </summary>
public abstract class KafkaDataAdapter
{
    /// <summary>
    /// Turns a record into an event, or says why it cannot be one. Called when the record is read, before any grain sees
    /// it. Must not throw; a record on which it does is dead-lettered as well. Never called for records without key or value.
    /// </summary>
    /// <param name="record">The record; its memory may be kept.</param>
    /// <returns>The event and its stream, or the reason for the dead letter.</returns>
    public abstract KafkaDecoded Decode(in KafkaRecord record);

    /// <summary>Turns an event that was sent to a stream of the provider into a record.</summary>
    /// <param name="streamId">The stream.</param>
    /// <param name="streamEvent">The event.</param>
    /// <returns>The record to produce.</returns>
    /// <exception cref="NotSupportedException">The host reads from Kafka only: the default.</exception>
    public virtual KafkaOutgoing Encode(StreamId streamId, object streamEvent) =>
        throw new NotSupportedException(
            $"{GetType().Name} only decodes. Override {nameof(Encode)} to send events through the Orleans stream, or produce to the topic with a Kafka client.");
}

/// <summary>One record as it lies in Kafka.</summary>
/// <param name="Topic">The topic.</param>
/// <param name="Partition">The partition.</param>
/// <param name="Offset">The offset.</param>
/// <param name="Timestamp">
/// The record's timestamp, by whichever clock the topic is set to; the first or last time there is where a producer set one beyond it.
/// </param>
/// <param name="Key">The key's bytes, never empty.</param>
/// <param name="Value">The value's bytes.</param>
/// <param name="Headers">The headers, or null.</param>
public readonly record struct KafkaRecord(
    string Topic,
    int Partition,
    long Offset,
    DateTimeOffset Timestamp,
    ReadOnlyMemory<byte> Key,
    ReadOnlyMemory<byte> Value,
    Headers? Headers)
{
    /// <summary>Finds the last header of a name.</summary>
    /// <param name="name">The header's name; case matters.</param>
    /// <param name="value">Its text in UTF-8, or null.</param>
    /// <returns>Whether there is such a header with a value.</returns>
    public bool TryGetHeader(string name, out string? value)
    {
        value = Headers is not null && Headers.TryGetLastBytes(name, out var bytes) && bytes is not null
            ? Encoding.UTF8.GetString(bytes)
            : null;
        return value is not null;
    }

    /// <summary>A timestamp of Kafka's, which may be any number.</summary>
    internal static DateTimeOffset TimeOf(long unixMs) => DateTimeOffset.FromUnixTimeMilliseconds(
        Math.Clamp(unixMs, DateTimeOffset.MinValue.ToUnixTimeMilliseconds(), DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()));

    /// <summary>Names the place of the record, never its content: records end up in messages by accident.</summary>
    /// <returns>Topic, partition and offset.</returns>
    public override string ToString() => $"{Topic}/{Partition}@{Offset}";
}

/// <summary>What <see cref="KafkaDataAdapter.Decode"/> made of a record.</summary>
public readonly struct KafkaDecoded
{
    private KafkaDecoded(StreamId streamId, object? streamEvent, string? reason) =>
        (StreamId, Event, Reason) = (streamId, streamEvent, reason);

    /// <summary>The stream that the event belongs to.</summary>
    public StreamId StreamId { get; }

    /// <summary>The event, or null when the record is to be dead-lettered.</summary>
    public object? Event { get; }

    /// <summary>Why the record is to be dead-lettered, or null.</summary>
    public string? Reason { get; }

    /// <summary>The record is an event.</summary>
    /// <param name="streamId">The stream; its namespace decides which grains are subscribed.</param>
    /// <param name="streamEvent">The event; immutable, because local grains get this very object.</param>
    /// <returns>The result.</returns>
    public static KafkaDecoded Accept(StreamId streamId, object streamEvent)
    {
        ArgumentNullException.ThrowIfNull(streamEvent);
        return new(streamId, streamEvent, null);
    }

    /// <summary>The record goes to the dead-letter topic.</summary>
    /// <param name="reason">What is wrong with it, for the person who redrives it; goes into a header, never into a log.</param>
    /// <returns>The result.</returns>
    public static KafkaDecoded Reject(string reason)
    {
        ArgumentException.ThrowIfNullOrEmpty(reason);
        return new(default, null, reason);
    }
}

/// <summary>A record to produce.</summary>
/// <param name="Key">The key; it decides the partition by murmur2, as in the Java client.</param>
/// <param name="Value">The value.</param>
/// <param name="Headers">The headers, or null.</param>
public readonly record struct KafkaOutgoing(byte[] Key, byte[] Value, Headers? Headers = null);
