using Confluent.Kafka;
using EmoStream.Streaming.Kafka.Reading;
using Orleans.Streams;

namespace EmoStream.Streaming.Kafka.Cache;

/// <summary>What the events of a reader have in common from one positioning to the next; compared by reference.</summary>
/// <param name="Source">The partition, as <see cref="KafkaSequenceToken.Source"/>.</param>
/// <param name="Generation">Counts positionings that took reading back: undelivered events of an earlier one come again.</param>
/// <param name="Fence">As <see cref="KafkaSequenceToken.Fence"/>.</param>
internal sealed record Origin(string Source, int Generation, string? Fence);

/// <summary>One event between the reader and its stream's queue; never leaves the silo.</summary>
internal sealed class CachedEvent(Origin origin, long offset, int bytes, StreamId streamId, object value)
    : PendingOffset(offset, bytes), IBatchContainer
{
    public Origin Origin => origin;

    /// <summary>The record as it was read, kept where it may be needed again: while the stream is parked.</summary>
    public ConsumeResult<byte[]?, byte[]?>? Record { get; set; }

    /// <summary>The record's trace, where somebody listens.</summary>
    public string? TraceParent { get; init; }

    /// <summary>What its sender's request context said; null where nothing.</summary>
    public Dictionary<string, string>? RequestContext { get; init; }

    /// <summary>When it was read, by the monotonic clock.</summary>
    public long ReadAt { get; init; }

    public object Value => value;

    public StreamId StreamId => streamId;

    public StreamSequenceToken SequenceToken => new KafkaSequenceToken(origin.Source, Offset, origin.Fence);

    public IEnumerable<Tuple<T, StreamSequenceToken>> GetEvents<T>() =>
        new KafkaBatchContainer(streamId, origin, [Offset], [value]).GetEvents<T>();

    public bool ImportRequestContext() => false;
}

/// <summary>Tells the pulling agent of a stream whose events are in the cache; brings none itself.</summary>
internal sealed class StreamAnnouncement(CachedEvent oldest) : IBatchContainer
{
    public StreamId StreamId => oldest.StreamId;

    public StreamSequenceToken SequenceToken => oldest.SequenceToken;

    public IEnumerable<Tuple<T, StreamSequenceToken>> GetEvents<T>() => [];

    public bool ImportRequestContext() => false;
}
