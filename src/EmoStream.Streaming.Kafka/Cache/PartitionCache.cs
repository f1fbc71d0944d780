using System.Diagnostics.CodeAnalysis;
using EmoStream.Streaming.Kafka.DeadLetters;
using EmoStream.Streaming.Kafka.Reading;
using Microsoft.Extensions.Logging;
using Orleans.Streams;

namespace EmoStream.Streaming.Kafka.Cache;

/// <summary>
/// The undelivered events of one partition, by stream: a failing grain holds up its own stream and nobody else's. Used by
/// the pulling agent alone, on its own scheduler; needs no lock. It is bounded where events come in: the reader stops while
/// <see cref="OffsetTracker"/> has no room.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "The wait belongs to a read, which ends it.")]
internal sealed partial class PartitionCache(KafkaStreamContext context, int partition, OffsetTracker tracker) : IQueueCache
{
    private readonly ILogger _logger = context.Loggers.CreateLogger<PartitionCache>();
    private readonly long _started = context.Time.GetTimestamp();
    private readonly Dictionary<StreamId, StreamQueue> _streams = [];
    private readonly List<StreamQueue> _touched = [];
    private readonly HashSet<StreamQueue> _orphans = [];
    private int _generation;
    private readonly PriorityQueue<StreamQueue, TimeSpan> _retries = new();
    private CancellationTokenSource? _wait;
    private TimeSpan _waitEnds;
    private bool _warned;

    public int DeliveryBatch { get; } = context.Options.DeliveryBatch;

    public RetryRules Retries { get; } = new(context.Options, context.Health);

    /// <summary>Where streams go of which an event was given up.</summary>
    public ParkingLot Parking { get; } = new(context, partition, tracker);

    /// <summary>Time since the cache was made.</summary>
    public TimeSpan Now => context.Time.GetElapsedTime(_started);

    public int GetMaxAddCount() => context.Options.FetchBatch;

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
                tracker.TakeUp(item);
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
    /// Streams whose pause after a failure is over: their cursors had nothing, and the agent asks an idle one only when it
    /// hears of the stream.
    /// </summary>
    public void AnnounceRetries(List<IBatchContainer> batch)
    {
        while (_retries.TryPeek(out var queue, out var at) && at <= Now)
        {
            _retries.Dequeue();
            if (queue.Oldest is { } oldest)
            {
                batch.Add(new StreamAnnouncement(oldest));
            }
        }
    }

    /// <summary>How long the agent's read may wait for new records; <see cref="AnnounceAt"/> shortens it, also while it waits.</summary>
    public CancellationTokenSource StartWait(TimeSpan most)
    {
        _waitEnds = Now + most;
        _wait = new CancellationTokenSource(most, context.Time);
        if (_retries.TryPeek(out _, out var at))
        {
            EndWaitAt(at);
        }
        return _wait;
    }

    public void EndWait()
    {
        _wait?.Dispose();
        _wait = null;
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
        Parking.GoBack(generation);
        foreach (var queue in _streams.Values)
        {
            queue.Reset();
        }
    }

    internal void Complete(CachedEvent item)
    {
        tracker.Complete(item);
        context.Metrics.Delivered(partition, context.Time, item.ReadAt);
    }

    /// <summary>Counts a refused event; whether it may be tried again.</summary>
    internal bool Retried(int attempts)
    {
        context.Metrics.Retried(partition);
        return attempts < Retries.Attempts;
    }

    internal void Repeated(int events) => context.Metrics.Redelivered(partition, events);

    internal void AnnounceAt(StreamQueue queue, TimeSpan at)
    {
        _retries.Enqueue(queue, at);
        EndWaitAt(at);
    }

    private void EndWaitAt(TimeSpan at)
    {
        if (_wait is not null && at < _waitEnds)
        {
            _waitEnds = at;
            _wait.CancelAfter(at > Now ? at - Now : TimeSpan.Zero);
        }
    }

    internal void Touch(StreamQueue queue) => _touched.Add(queue);

    [LoggerMessage(LogLevel.Warning, "Partition {Partition} has events that no grain takes; they are offered again. If it stays so, no grain subscribes to their stream namespace: add the [ImplicitStreamSubscription], or dead-letter them in the data adapter.")]
    private partial void LogNoSubscriber(int partition);
}
