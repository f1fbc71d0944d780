using EmoStream.Streaming.Kafka.Reading;
using Orleans.Streams;

namespace EmoStream.Streaming.Kafka.Cache;

/// <summary>One event between the reader and its stream's queue; never leaves the silo.</summary>
internal sealed class CachedEvent(string source, long offset, int bytes, StreamId streamId, object value)
    : PendingOffset(offset, bytes), IBatchContainer
{
    public string Source => source;

    public object Value => value;

    public StreamId StreamId => streamId;

    public StreamSequenceToken SequenceToken => new KafkaSequenceToken(source, Offset);

    public IEnumerable<Tuple<T, StreamSequenceToken>> GetEvents<T>() =>
        new KafkaBatchContainer(streamId, source, [Offset], [value]).GetEvents<T>();

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
