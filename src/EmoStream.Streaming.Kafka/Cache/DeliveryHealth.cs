namespace EmoStream.Streaming.Kafka.Cache;

/// <summary>
/// Tells the failure of some streams from the failure of what all streams of the silo share: when many fail and none
/// succeeds, the fault is not in an event. A few that fail by themselves while nobody else has anything to deliver are not
/// many. One for all partitions of a provider; called from several threads.
/// </summary>
internal sealed class DeliveryHealth
{
    /// <summary>So many streams are many.</summary>
    public const int Many = 5;

    private readonly Lock _lock = new();
    private readonly HashSet<StreamId> _failing = [];
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
            _anyFailing = false;
            _failing.Clear();
        }
    }

    /// <summary>Notes a failure.</summary>
    /// <returns>Whether many streams have failed and none has succeeded in between.</returns>
    public bool FailsWithOthers(StreamId stream)
    {
        lock (_lock)
        {
            _anyFailing = true;
            if (_failing.Count < Many)
            {
                _failing.Add(stream);
            }
            return _failing.Count == Many;
        }
    }
}
