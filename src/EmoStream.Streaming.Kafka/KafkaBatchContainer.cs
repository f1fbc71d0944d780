using EmoStream.Streaming.Kafka.Cache;
using Orleans.Streams;

namespace EmoStream.Streaming.Kafka;

/// <summary>
/// All events of one stream that were waiting when its grain became free: what one delivery carries. Local grains get the
/// very events (immutable), grains on other silos a serialised copy.
/// </summary>
[GenerateSerializer, Immutable, Alias("EmoStream.Streaming.Kafka.KafkaBatchContainer")]
internal sealed class KafkaBatchContainer : IBatchContainer
{
    [Id(0)]
    private readonly StreamId _streamId;
    [Id(1)]
    private readonly string _source;
    [Id(2)]
    private readonly long[] _offsets;
    [Id(3)]
    private readonly object[] _events;
    [Id(4)]
    private readonly string? _fence;

    [Id(5)]
    private readonly string[]? _traceParents;
    [Id(6)]
    private readonly Dictionary<string, string>? _requestContext;
    [NonSerialized]
    private Exception? _failure;

    public KafkaBatchContainer(
        StreamId streamId, Origin origin, long[] offsets, object[] events, string[]? traceParents = null, Dictionary<string, string>? requestContext = null)
    {
        _streamId = streamId;
        _source = origin.Source;
        _fence = origin.Fence;
        _offsets = offsets;
        _events = events;
        _traceParents = traceParents;
        _requestContext = requestContext;
    }

    public StreamId StreamId => _streamId;

    public int Count => _events.Length;

    /// <summary>What the delivery failed with; stays on this silo. Null: not failed, or nobody got as far as trying.</summary>
    public Exception? Failure
    {
        get => _failure;
        set => _failure = value;
    }

    public StreamSequenceToken SequenceToken => new KafkaSequenceToken(_source, _offsets[0], _fence);

    /// <summary>
    /// An event of another type than the grain subscribed with is an error, not an empty batch: Orleans would take an
    /// empty batch for delivered, and the event would be gone.
    /// </summary>
    public IEnumerable<Tuple<T, StreamSequenceToken>> GetEvents<T>()
    {
        var events = new Tuple<T, StreamSequenceToken>[_events.Length];
        for (var i = 0; i < events.Length; i++)
        {
            events[i] = _events[i] is T typed
                ? Tuple.Create<T, StreamSequenceToken>(typed, new KafkaSequenceToken(_source, _offsets[i], _fence))
                : throw new InvalidCastException($"The stream carries {_events[i].GetType()}, the grain subscribed to {typeof(T)}.");
        }
        return events;
    }

    /// <summary>The pulling agent calls this before it delivers, and clears the context behind the call.</summary>
    public bool ImportRequestContext() => RequestContextHeaders.Export(_requestContext) | KafkaTracing.Export(_traceParents);

    /// <summary>Orleans logs containers by this at trace level: offsets only.</summary>
    public override string ToString() => $"{_source}@{_offsets[0]}+{_events.Length}";
}
