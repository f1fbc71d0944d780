using EmoStream.Streaming.Kafka.Reading;
using Microsoft.Extensions.Logging;
using Orleans.Streams;

namespace EmoStream.Streaming.Kafka.Cache;

/// <summary>
/// The undelivered events of one partition, by stream: a failing grain holds up its own stream and nobody else's. Used by
/// the pulling agent alone, on its own scheduler; needs no lock. It is bounded where events come in: the reader stops while
/// <see cref="OffsetTracker"/> has no room.
/// </summary>
internal sealed partial class PartitionCache(
    int partition, OffsetTracker tracker, KafkaStreamOptions options, StreamingKafkaMetrics metrics, ILogger<PartitionCache> logger) : IQueueCache
{
    private readonly Dictionary<StreamId, StreamQueue> _streams = [];
    private readonly List<StreamQueue> _touched = [];
    private readonly HashSet<StreamQueue> _orphans = [];
    private int _generation;
    private bool _warned;

    public int DeliveryBatch { get; } = options.DeliveryBatch;

    /// <summary>Counts events that are delivered once more; made once, not per batch.</summary>
    public Action<int> Repeated { get; } = count => metrics.Redelivered(partition, count);

    public int GetMaxAddCount() => options.FetchBatch;

    /// <summary>Never: a full partition stops its reader, and the agent finds nothing to take over.</summary>
    public bool IsUnderPressure() => false;

    public void AddToCache(IList<IBatchContainer> messages)
    {
        for (var i = 0; i < messages.Count; i++)
        {
            if (messages[i] is not CachedEvent item)
            {
                continue; // an announcement: its events are here already
            }
            if (item.Origin.Generation > _generation)
            {
                StartGeneration(item.Origin.Generation);
            }
            if (!_streams.TryGetValue(item.StreamId, out var queue))
            {
                _streams.Add(item.StreamId, queue = new StreamQueue(this, item.StreamId));
            }
            queue.Add(item);
        }
    }

    /// <summary>
    /// Called before every read and never while the agent stops. Nothing is handed back: finished events reach the tracker
    /// one by one, and the offset is committed from there.
    /// </summary>
    public bool TryPurgeFromCache(out IList<IBatchContainer> purgedItems)
    {
        purgedItems = [];
        foreach (var queue in _touched)
        {
            queue.ForgetClosed();
            if (queue.IsIdle)
            {
                _streams.Remove(queue.StreamId);
            }
            else if (!queue.HasSubscriber)
            {
                _orphans.Add(queue);
            }
        }
        _touched.Clear();
        return false;
    }

    /// <summary>
    /// Streams with events that nobody holds any longer: the agent forgets a stream that had nothing new for a while, also
    /// one whose grain has failed all the time, and one that it could not register. It takes each up again on hearing of it.
    /// </summary>
    public void Announce(List<IBatchContainer> batch)
    {
        foreach (var queue in _orphans)
        {
            if (!queue.HasSubscriber && queue.Oldest is { } oldest)
            {
                batch.Add(new StreamAnnouncement(oldest));
            }
        }
        _orphans.Clear();
        if (batch.Count > 0 && !_warned)
        {
            _warned = true;
            LogNoSubscriber(partition);
        }
    }

    public IQueueCacheCursor GetCacheCursor(StreamId streamId, StreamSequenceToken? token)
    {
        if (!_streams.TryGetValue(streamId, out var queue))
        {
            _streams.Add(streamId, queue = new StreamQueue(this, streamId));
        }
        return queue.Open();
    }

    public QueueCacheCursorResult<IQueueCacheCursor> TryGetCacheCursor(StreamId streamId, StreamSequenceToken? token) =>
        QueueCacheCursorResult<IQueueCacheCursor>.FromCursor(GetCacheCursor(streamId, token));

    public QueueCacheCursorResult<IQueueCacheCursor> TryGetCacheCursorAtPosition(
        StreamId streamId, StreamSubscriptionStartPosition startPosition) => TryGetCacheCursor(streamId, null);

    /// <summary>The agent has stopped; see <see cref="StreamQueue.SettleClosed"/>.</summary>
    public void SettleClosed()
    {
        foreach (var queue in _streams.Values)
        {
            queue.SettleClosed();
        }
    }

    /// <summary>
    /// Reading was taken back: whatever is not delivered yet comes again behind the event that announces it. Delivering both
    /// would let an older event pass as a repeat of a newer one.
    /// </summary>
    private void StartGeneration(int generation)
    {
        _generation = generation;
        foreach (var queue in _streams.Values)
        {
            queue.Reset();
        }
    }

    internal void Complete(CachedEvent item)
    {
        tracker.Complete(item);
        metrics.Delivered(partition);
    }

    internal void Touch(StreamQueue queue) => _touched.Add(queue);

    [LoggerMessage(LogLevel.Warning, "Partition {Partition} has events that no grain takes; they are offered again. If it stays so, no grain subscribes to their stream namespace: add the [ImplicitStreamSubscription], or dead-letter them in the data adapter.")]
    private partial void LogNoSubscriber(int partition);
}
