using Orleans.Streams;

namespace EmoStream.Streaming.Kafka.Cache;

/// <summary>
/// One subscriber's place in a <see cref="StreamQueue"/>. Asking for the next batch says that the previous one was taken,
/// unless its failure was recorded: then the same events come again, after a pause in which the cursor has nothing.
/// <code>
/// failed, a fault of what all share     the same batch again, and what came since; never the end
/// failed, several events together       one by one, to find the one that is refused
/// failed, one event                     again after each of RetryDelays, then it is given up and its stream parked
/// </code>
/// </summary>
internal sealed class StreamCursor(StreamQueue queue, PartitionCache cache, long position) : IQueueCacheCursor
{
    private long _from = position;
    private long _to = position;
    private long _singlyUntil = position;
    private int _failures;
    private int _attempts;
    private TimeSpan _retryAt;
    private bool _closed;
    private KafkaBatchContainer? _current;

    /// <summary>Events from here on are not done while the cursor lives.</summary>
    public long Holds => _from;

    /// <summary>Events before this were delivered if the agent has stopped; see <see cref="StreamQueue.SettleClosed"/>.</summary>
    public long Left => _to;

    public IBatchContainer? GetCurrent(out Exception? exception)
    {
        exception = null;
        return _current;
    }

    public bool MoveNext()
    {
        _current = null;
        if (_closed)
        {
            return false;
        }
        if (_to > _from)
        {
            cache.Retries.Succeeded();
        }
        // What this one was at may have been given up.
        var next = Math.Max(_to, queue.First);
        if (next > _from)
        {
            (_failures, _attempts) = (0, 0);
        }
        _from = _to = next;
        queue.Settle();
        // The end of a redrive may have stood here, and nothing was before it any longer.
        _from = _to = Math.Max(_from, queue.First);
        // What a later owner has parked comes to its subscribers as it is sent again, at another offset.
        if (!queue.Has(_from) || cache.Parking.IsFenced || (_failures > 0 && cache.Now < _retryAt))
        {
            return false;
        }
        _current = queue.Take(_from, _from < _singlyUntil ? 1 : cache.DeliveryBatch, out _to);
        if (_failures > 0)
        {
            cache.Repeated((int)(_to - _from));
        }
        return true;
    }

    /// <summary>Nothing to do: the cursor reads the queue itself.</summary>
    public void Refresh(StreamSequenceToken token)
    {
    }

    public void RecordDeliveryFailure()
    {
        if (_current is not { } batch || _to == _from)
        {
            return;
        }
        var failedUntil = _to;
        (_current, _to) = (null, _from);
        if (_from < queue.First)
        {
            return; // given up by another subscriber meanwhile
        }
        _failures++;
        if (!cache.Retries.Counts(queue.StreamId, batch.Failure))
        {
            RetryAfter(cache.Retries.AfterOther(_failures));
            return;
        }
        _singlyUntil = failedUntil;
        if (batch.Count > 1)
        {
            RetryAfter(cache.Retries.AfterCounted(1));
        }
        else if (cache.Retried(++_attempts))
        {
            RetryAfter(cache.Retries.AfterCounted(_attempts));
        }
        else
        {
            queue.GiveUp(_from, batch.Failure!, _attempts);
        }
    }

    /// <summary>See <see cref="StreamQueue.Reset"/>.</summary>
    public void Reset(long position)
    {
        (_from, _to, _singlyUntil) = (position, position, position);
        (_failures, _attempts) = (0, 0);
    }

    public void Dispose()
    {
        if (!_closed)
        {
            _closed = true;
            queue.Close(this);
        }
    }

    private void RetryAfter(TimeSpan pause)
    {
        _retryAt = cache.Now + pause;
        cache.AnnounceAt(queue, _retryAt);
    }
}
