using EmoStream.Streaming.Kafka.DeadLetters;

namespace EmoStream.Streaming.Kafka.Cache;

/// <summary>
/// The undelivered events of one stream, first in first out, and the cursors of its subscribers. An event is done when
/// every subscriber has taken it. Positions count the stream's events since the queue was made and never go back.
/// </summary>
/// <remarks>
/// Among the events may stand the <see cref="RedriveEnd"/> of those sent again. It is delivered to nobody: cursors wait
/// before it until it comes to the head, which says that all before it is done.
/// </remarks>
internal sealed class StreamQueue(PartitionCache cache, StreamId streamId)
{
    private readonly List<CachedEvent> _events = [];
    private readonly List<StreamCursor> _cursors = [];
    private long _first;
    private long _leftAt = long.MaxValue;

    public StreamId StreamId => streamId;

    /// <summary>The position of the oldest event that is not done.</summary>
    public long First => _first;

    public long End => _first + _events.Count;

    /// <summary>Nothing waits and nobody subscribes: the queue can be forgotten.</summary>
    public bool IsIdle => _events.Count == 0 && _cursors.Count == 0;

    public CachedEvent? Oldest => _events.Count > 0 ? _events[0] : null;

    public bool HasSubscriber => _cursors.Count > 0;

    /// <summary>An event behind a parked one does not come in: it goes where that went.</summary>
    public void Add(CachedEvent item)
    {
        if (!cache.Parking.Takes(item))
        {
            _events.Add(item);
            if (item.Value is RedriveEnd)
            {
                CompleteBelow(_first); // nothing may be before it
            }
        }
    }

    /// <summary>Whether there is something to deliver at a position.</summary>
    public bool Has(long position) => position < End && !IsEnd((int)(position - _first));

    /// <summary>Forgets the events without completing them. A delivery under way is nobody's any longer, however it ends.</summary>
    public void Reset()
    {
        _first = End;
        _events.Clear();
        foreach (var cursor in _cursors)
        {
            cursor.Reset(_first);
        }
        cache.Touch(this);
    }

    /// <summary>Every cursor starts at the first event that is not done, whatever token the agent asks for: a miss cannot exist.</summary>
    public StreamCursor Open()
    {
        var cursor = new StreamCursor(this, cache, _first);
        _cursors.Add(cursor);
        return cursor;
    }

    /// <summary>Copies a range into one delivery. A delivery has one origin and one request context: the range ends where reading was positioned anew, or the context is another. It also ends before the end of a redrive.</summary>
    public KafkaBatchContainer Take(long from, int limit, out long to)
    {
        var start = (int)(from - _first);
        var (origin, context) = (_events[start].Origin, _events[start].RequestContext);
        var count = 1;
        while (count < limit && start + count < _events.Count && !IsEnd(start + count)
            && ReferenceEquals(_events[start + count].Origin, origin) && RequestContextHeaders.AreSame(_events[start + count].RequestContext, context))
        {
            count++;
        }
        var offsets = new long[count];
        var values = new object[count];
        for (var i = 0; i < count; i++)
        {
            offsets[i] = _events[start + i].Offset;
            values[i] = _events[start + i].Value;
        }
        to = from + count;
        return new KafkaBatchContainer(streamId, origin, offsets, values, KafkaTracing.IsListened ? TraceParents(start, count) : null, context);
    }

    private string[]? TraceParents(int start, int count)
    {
        HashSet<string> parents = [];
        for (var i = start; i < start + count; i++)
        {
            if (_events[i].TraceParent is { } parent)
            {
                parents.Add(parent);
            }
        }
        return parents.Count == 0 ? null : [.. parents];
    }

    /// <summary>Completes what every subscriber has taken. Without subscribers nothing is done: somebody may still come.</summary>
    public void Settle()
    {
        if (_cursors.Count == 0)
        {
            return;
        }
        var done = long.MaxValue;
        foreach (var cursor in _cursors)
        {
            done = Math.Min(done, cursor.Holds);
        }
        CompleteBelow(done);
    }

    /// <summary>
    /// An event is given up: it and all others that wait leave for the dead-letter topic, in order. They are done when that
    /// has them.
    /// </summary>
    public void GiveUp(long position, Exception failure, int attempts)
    {
        cache.Parking.Park(_events, (int)(position - _first), failure, attempts);
        _first = End;
        _events.Clear();
    }

    public void Close(StreamCursor cursor)
    {
        if (_cursors.Remove(cursor))
        {
            _leftAt = Math.Min(_leftAt, cursor.Left);
            cache.Touch(this);
        }
    }

    /// <summary>
    /// The agent still reads, so a cursor closed so far was the pin of a registration or a subscriber that left: neither
    /// holds events any longer.
    /// </summary>
    public void ForgetClosed()
    {
        _leftAt = long.MaxValue;
        Settle();
    }

    /// <summary>
    /// The agent has stopped: it let the deliveries under way end and closed the cursors, without asking them for the next
    /// batch. What the slowest of them left behind without a failure is delivered.
    /// </summary>
    /// <remarks>
    /// Rests on the order in which the pulling agent of Orleans 10.4.2 shuts down, which no contract promises: it awaits
    /// the deliveries under way and records their failures, disposes of the cursors, and only then calls the receiver's
    /// Shutdown. An agent that disposed first would have events committed that no grain has taken. The tests
    /// Restart_StoppedDuringADelivery... hold that order against the real agent.
    /// </remarks>
    public void SettleClosed()
    {
        if (_cursors.Count == 0 && _leftAt != long.MaxValue)
        {
            CompleteBelow(_leftAt);
        }
    }

    /// <summary>Also the ends of redrives that come to the head with that.</summary>
    private void CompleteBelow(long position)
    {
        var taken = (int)Math.Clamp(position - _first, 0, _events.Count);
        for (var i = 0; i < taken; i++)
        {
            cache.Complete(_events[i]);
        }
        var count = taken;
        for (; count < _events.Count && IsEnd(count); count++)
        {
            cache.Parking.Continue(_events[count]);
        }
        if (count == 0)
        {
            return;
        }
        _events.RemoveRange(0, count);
        _first += count;
        if (count > taken && _events.Count > 0)
        {
            // A subscriber may have waited behind a slower one, and had nothing.
            cache.AnnounceAt(this, cache.Now);
        }
    }

    private bool IsEnd(int index) => _events[index].Value is RedriveEnd;
}
