namespace EmoStream.Streaming.Kafka.Reading;

/// <summary>
/// What was read from a partition and is not done yet, in the order of reading. Two things follow from it: how far the
/// offset may be committed (up to the oldest record that is not done, whatever finished after it) and whether there is
/// room to read on. The reader's thread adds, the pulling agent and dead letters complete.
/// </summary>
/// <remarks>
/// Only unfinished records are held, in a linked list: a stream that fails for days costs no memory for the millions of
/// records of other streams that were read and finished behind it.
/// </remarks>
internal sealed class OffsetTracker(int maxRecords, long maxBytes)
{
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(25);

    private readonly object _lock = new();
    private PendingOffset? _oldest;
    private PendingOffset? _newest;
    private int _records;
    private long _bytes;
    private long? _next;
    private int _generation;
    private int _takenUp;
    private int _earlier;

    /// <summary>Records read and not done.</summary>
    public int Records => Volatile.Read(ref _records);

    /// <summary>Their bytes.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>The offset to commit: the oldest that is not done, or the next one to read. Null until the start is known.</summary>
    public long? Watermark
    {
        get
        {
            lock (_lock)
            {
                return _oldest?.Offset ?? _next;
            }
        }
    }

    /// <summary>The timestamp of the oldest record that is not done, in milliseconds since 1970; null without one.</summary>
    public long? OldestTimestampMs
    {
        get
        {
            lock (_lock)
            {
                return _oldest?.TimestampMs;
            }
        }
    }

    /// <summary>The offset behind the last one read; null until the start is known.</summary>
    public long? Next
    {
        get
        {
            lock (_lock)
            {
                return _next;
            }
        }
    }

    /// <summary>Whether the cache may still hold records that were not done when reading went back.</summary>
    public bool HoldsEarlier
    {
        get
        {
            lock (_lock)
            {
                return _earlier > 0;
            }
        }
    }

    /// <summary>Reading starts, or goes on after a gap, at this offset.</summary>
    public void StartAt(long offset)
    {
        lock (_lock)
        {
            _next = offset;
        }
    }

    /// <summary>There is no record before this offset that was not read.</summary>
    public void SkipTo(long offset)
    {
        lock (_lock)
        {
            _next = Math.Max(_next ?? 0, offset);
        }
    }

    /// <summary>
    /// The topic was recreated: offsets start anew, and records of its former life say nothing about them. Those still
    /// take room until they are done.
    /// </summary>
    public void Restart(long offset)
    {
        lock (_lock)
        {
            // Left linked among themselves; nothing here points to them any longer.
            _oldest = _newest = null;
            _next = offset;
        }
    }

    /// <summary>
    /// Reading goes back to an offset: what was read since, and is not done, will be read again. It takes no room any longer
    /// and says nothing about offsets, whatever becomes of it.
    /// </summary>
    public void Rewind(long offset)
    {
        lock (_lock)
        {
            _generation++;
            _earlier += _records;
            _oldest = _newest = null;
            _records = 0;
            _bytes = 0;
            _next = offset;
        }
    }

    /// <summary>The cache has this record, and has forgotten those that were read before reading went back to it.</summary>
    public void TakeUp(PendingOffset record)
    {
        lock (_lock)
        {
            _takenUp = record.Generation;
            if (_takenUp == _generation)
            {
                _earlier = 0;
            }
        }
    }

    public void Add(PendingOffset record)
    {
        lock (_lock)
        {
            record.Generation = _generation;
            record.Older = _newest;
            if (_newest is null)
            {
                _oldest = record;
            }
            else
            {
                _newest.Newer = record;
            }
            _newest = record;
            _next = record.Offset + 1;
            _records++;
            _bytes += record.Bytes;
        }
    }

    /// <summary>Marks a record as done; a second call for the same record does nothing.</summary>
    public void Complete(PendingOffset record)
    {
        lock (_lock)
        {
            if (record.Done)
            {
                return;
            }
            record.Done = true;
            if (record.Generation != _generation)
            {
                if (record.Generation >= _takenUp && _earlier > 0)
                {
                    _earlier--;
                }
                return;
            }
            if (ReferenceEquals(_oldest, record))
            {
                _oldest = record.Newer;
            }
            if (ReferenceEquals(_newest, record))
            {
                _newest = record.Older;
            }
            record.Older?.Newer = record.Newer;
            record.Newer?.Older = record.Older;
            record.Older = record.Newer = null;
            var (wasFull, hadAmpleRoom) = (IsFull_NeedsLock, HasAmpleRoom_NeedsLock);
            _records--;
            _bytes -= record.Bytes;
            if (wasFull != IsFull_NeedsLock || hadAmpleRoom != HasAmpleRoom_NeedsLock)
            {
                Monitor.PulseAll(_lock);
            }
        }
    }

    /// <summary>
    /// Blocks the reader's thread while there is no room, at most for the time given. When there is some it waits a moment
    /// longer, until an eighth is free: it would read one record for each that is done, and wake the agent with every one.
    /// </summary>
    /// <returns>Whether there is room, even if only for one record.</returns>
    public bool WaitForRoom(TimeSpan timeout)
    {
        lock (_lock)
        {
            if (!IsFull_NeedsLock)
            {
                return true;
            }
            Monitor.Wait(_lock, timeout);
            if (IsFull_NeedsLock)
            {
                return false;
            }
            if (!HasAmpleRoom_NeedsLock)
            {
                Monitor.Wait(_lock, Gathering);
            }
            return true;
        }
    }

    private bool IsFull_NeedsLock => _records >= maxRecords || _bytes >= maxBytes;

    private bool HasAmpleRoom_NeedsLock =>
        _records <= maxRecords - Math.Max(1, maxRecords / 8) && _bytes <= maxBytes - Math.Max(1, maxBytes / 8);
}

/// <summary>A record that is not done: its offset, its size and its neighbours in <see cref="OffsetTracker"/>.</summary>
internal class PendingOffset(long offset, int bytes)
{
    public long Offset { get; } = offset;

    public int Bytes { get; } = bytes;

    /// <summary>The record's timestamp, in milliseconds since 1970.</summary>
    public long TimestampMs { get; init; }

    public bool Done { get; set; }

    /// <summary>How often <see cref="OffsetTracker.Rewind"/> had been called when the record was read.</summary>
    public int Generation { get; set; }

    public PendingOffset? Older { get; set; }

    public PendingOffset? Newer { get; set; }
}
