namespace EmoStream.Streaming.Kafka.Cache;

/// <summary>
/// Tells the failure of one stream from the failure of what all streams of the silo share: when several fail and none
/// succeeds, the fault is not in an event. One for all partitions of a provider; called from several threads.
/// </summary>
internal sealed class DeliveryHealth
{
    private readonly Lock _lock = new();
    private StreamId? _failing;
    private bool _several;
    private volatile bool _anyFailing;

    /// <summary>Some stream has taken something: what fails from here on fails by itself.</summary>
    public void Succeeded()
    {
        if (!_anyFailing)
        {
            return;
        }
        lock (_lock)
        {
            (_anyFailing, _failing, _several) = (false, null, false);
        }
    }

    /// <summary>Notes a failure.</summary>
    /// <returns>Whether another stream has failed, too, and none has succeeded in between.</returns>
    public bool FailsWithOthers(StreamId stream)
    {
        lock (_lock)
        {
            _several |= _failing is { } failing && failing != stream;
            _failing ??= stream;
            _anyFailing = true;
            return _several;
        }
    }
}
