using System.Collections.Concurrent;
using System.Globalization;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka.Cache;
using EmoStream.Streaming.Kafka.Reading;
using Microsoft.Extensions.Logging;
using ErrorCode = Confluent.Kafka.ErrorCode;

namespace EmoStream.Streaming.Kafka.DeadLetters;

/// <summary>
/// Streams of one partition of which an event was given up. Such a stream is parked: that event and everything behind it
/// goes to the dead-letter topic, in order, until its letters have been sent again.
/// <code>
/// parked        live record ─► dead letter          record sent again (DeadLetterHeaders.Redrive) ─► the grain
///               end of those sent again ─► parked no longer, unless a live record has become a letter since
/// </code>
/// What comes behind such an end waits for the grain like the records sent again; the parking ends when these are done and the
/// end with them. What a second redrive sends behind that end is passed over: it would come behind what was said since.
/// What is parked stands in <see cref="KafkaStreamOptions.ParkingTopic"/>, so that the next owner of the partition knows: an
/// event is done only when its letter and the state that names it are acknowledged. Where letters came from stands there also when
/// the parking has ended, as long as the records are there: one that is read again (after a loss, for one) comes in the place where it
/// was sent again, and not before.
/// </summary>
/// <remarks>
/// The pulling agent decides, in the order of the stream; a <see cref="ParkingWriter"/> carries it out behind it. The reader says
/// when the partition is somebody else's: from then on nothing comes in, is decided or is done here, until the states were loaded again
/// and reading has begun anew.
/// </remarks>
internal sealed partial class ParkingLot(KafkaStreamContext context, int partition, OffsetTracker tracker)
{
    private const string Behind = "parked behind an event that was given up";

    private readonly ILogger _logger = context.Loggers.CreateLogger<ParkingLot>();
    private readonly Lock _lock = new();
    private volatile ConcurrentDictionary<StreamId, Parking> _parked = new();
    private volatile ParkingWriter _writer = new(context, partition, tracker);
    private volatile bool _fenced;
    private bool _loaded;
    private int _loadedFor;

    /// <summary>Streams that are parked.</summary>
    public int Count => _parked.Count(parked => !parked.Value.State.Ended);

    public static TopicPartition Topic(KafkaStreamOptions options) => new(options.ParkingTopic, 0);

    /// <summary>
    /// Reads what the partition's former owners have parked; before its first record is read, and after the position was
    /// claimed: one that is not known to be dead may park a stream and move the position past its letters until then. Blocks.
    /// </summary>
    /// <param name="origin">Of what is read next.</param>
    /// <param name="low">The first offset that is left in the partition.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public void Load(Origin origin, long low, CancellationToken cancellationToken)
    {
        if (_loaded)
        {
            return;
        }
        var parked = new ConcurrentDictionary<StreamId, Parking>();
        try
        {
            // Without retry delays nothing is. Also where there is no such topic any longer: that nothing is parked would be a guess.
            if (context.Options.RetryDelays.Count > 0)
            {
                PartitionScan.Read(context.Options, Topic(context.Options), 0, record => Apply(record, parked), cancellationToken);
            }
        }
        catch (OperationCanceledException)
        {
            return; // stopping: nothing will be read
        }
        catch (KafkaException e)
        {
            LogNotLoaded(partition, context.Options.ParkingTopic, e.Error.Code);
            throw;
        }
        foreach (var (stream, parking) in parked.Where(p => p.Value.State is { Ended: true } state && state.IsGone(origin.Source, low)))
        {
            parked.TryRemove(stream, out _);
            _ = context.DeadLetters.ForgetAsync(partition, stream);
        }
        lock (_lock)
        {
            // What stood only here was not written in time, and is decided anew.
            (_parked, _loaded, _loadedFor) = (parked, true, origin.Generation);
        }
        if (Count > 0)
        {
            LogLoaded(partition, Count);
        }
    }

    /// <summary>
    /// Another owner has the partition: what was decided here and is not written yet must not be any longer, and what that one
    /// parked is read before the next record, should there be one.
    /// </summary>
    public void Fence()
    {
        lock (_lock)
        {
            (_loaded, _fenced) = (false, true);
            _writer.Stop();
            _writer = new(context, partition, tracker);
        }
    }

    /// <summary>The partition is somebody else's, as <see cref="Fence"/> said; nothing that was read before is to be delivered.</summary>
    public bool IsFenced => _fenced;

    /// <summary>Events that wait for their letter, and letters that Kafka has not acknowledged.</summary>
    public int Pending => _writer.Pending;

    public bool IsParked(StreamId stream) => _parked.GetValueOrDefault(stream) is { Ends: false, State.Ended: false };

    /// <summary>
    /// Whether the record is needed as it was read: always where it was sent again, to tell for which parking. Called by the reader;
    /// that a stream is parked no longer, or not yet, does no harm.
    /// </summary>
    public bool NeedsRecord(StreamId stream, Headers? headers) =>
        IsParked(stream) || DeadLetterHeaders.Bytes(headers, DeadLetterHeaders.RedriveOrigin) is not null;

    /// <summary>The streams that are parked, as of now; also those whose end still waits for its turn.</summary>
    public HashSet<StreamId> Streams => [.. _parked.Where(parked => !parked.Value.State.Ended).Select(parked => parked.Key)];

    /// <summary>Reading went back: an end that was accepted and has not had its turn is read again, and with it what was sent again before it.</summary>
    /// <param name="generation">Of what is read from now on.</param>
    public void GoBack(int generation)
    {
        lock (_lock)
        {
            _fenced &= !_loaded || generation < _loadedFor;
            foreach (var (stream, parking) in _parked.Where(parked => parked.Value.Ends))
            {
                _parked[stream] = parking with { EndAt = null };
            }
        }
    }

    /// <summary>Takes everything that is not for the stream's queue.</summary>
    /// <returns>False: the event is to be delivered, or is the end of a redrive and <see cref="Continue"/> is to be called in its turn.</returns>
    public bool Takes(CachedEvent item)
    {
        lock (_lock)
        {
            if (_fenced)
            {
                return true; // not done; nor must what comes behind it be
            }
            var parking = _parked.GetValueOrDefault(item.StreamId);
            if (item.Value is RedriveEnd end)
            {
                return !Accepts(item, end, parking);
            }
            if (parking is not { State: var state })
            {
                return false;
            }
            var position = PositionOf(item);
            var redrive = DeadLetterHeaders.Text(item.Record?.Message.Headers, DeadLetterHeaders.Redrive);
            var isSentOnceMore = redrive is not null && state.EndOf(redrive, parking.EndAt) is { } endedAt && RecordPosition.IsBefore(endedAt, position);
            if (isSentOnceMore || (!parking.Ends && state.HasLetterOf(position, redrive)))
            {
                // In its turn: the letter may still be under way.
                _writer.Add(new(item, null, null, null));
                return true;
            }
            if (parking.Ends)
            {
                return false;
            }
            if (state.Ended || state.BeganAfter(position) || redrive == state.Since)
            {
                return false;
            }
            Leave(item, state.With(position, parking.Extends));
            return true;
        }
    }

    /// <summary>Gives an event up and parks its stream.</summary>
    /// <param name="events">All events of the stream that somebody has still to take.</param>
    /// <param name="index">Which of them is given up; those before it wait for slower subscribers.</param>
    /// <param name="failure">What the last attempt ended with.</param>
    /// <param name="attempts">How many there were.</param>
    public void Park(IReadOnlyList<CachedEvent> events, int index, Exception failure, int attempts)
    {
        lock (_lock)
        {
            if (_fenced)
            {
                return; // not done
            }
            var given = events[index];
            var letters = events.Where(e => e.Value is not RedriveEnd).ToList();
            var former = _parked.GetValueOrDefault(given.StreamId)?.State;
            var state = new ParkedState(
                ParkedState.NameOf(context.Options.GroupId, PositionOf(given)),
                PositionOf(letters[0]),
                context.Time.GetUtcNow().ToUnixTimeMilliseconds(),
                attempts,
                RetryRules.NameOf(failure),
                former?.Letters ?? 0,
                former?.Ranges);
            foreach (var end in events.Where(e => e.Value is RedriveEnd))
            {
                tracker.Complete(end); // of the parking before this one
            }
            foreach (var letter in letters)
            {
                var isFirst = letter == letters[0];
                state = state.With(PositionOf(letter), extends: !isFirst);
                Leave(letter, state, begins: isFirst);
            }
            context.Metrics.Parked(partition);
            LogParked(partition, given.Offset, attempts, state.FailedWith);
        }
    }

    /// <summary>An accepted end whose turn has come: all that was sent again is done. Only then is the stream parked no longer for others, too.</summary>
    public void Continue(CachedEvent item)
    {
        lock (_lock)
        {
            if (_fenced)
            {
                return; // not done
            }
            if (_parked.GetValueOrDefault(item.StreamId) is not { Ends: true, State: var state })
            {
                // Reading went back, or the states were loaded again: whether it ends anything is decided when it is read again.
                tracker.Complete(item);
                return;
            }
            state = state.WithEnd(PositionOf(item));
            _parked[item.StreamId] = new(state);
            _writer.Add(new(item, state, null, null));
            LogContinued(partition, item.Offset);
        }
    }

    /// <summary>
    /// The partition goes to another owner, who must find what was decided here: done when it is written, or after
    /// <see cref="Stop"/>.
    /// </summary>
    public Task DrainAsync()
    {
        lock (_lock)
        {
            return _writer.DrainAsync();
        }
    }

    /// <summary>What is not written yet stays undone: the partition's next owner reads it again.</summary>
    public void Stop()
    {
        lock (_lock)
        {
            _writer.Stop();
        }
    }

    private static string PositionOf(CachedEvent item) => RecordPosition.Of(item.Origin.Source, item.Offset);

    private void Leave(CachedEvent item, ParkedState state, bool begins = false)
    {
        _parked[item.StreamId] = new(state, Extends: true);
        var position = PositionOf(item);
        var reason = Behind;
        var headers = new Headers();
        if (state.Since == ParkedState.NameOf(context.Options.GroupId, position))
        {
            reason = $"given up after {state.Attempts} attempts: {state.FailedWith}";
            headers.Add(DeadLetterHeaders.Attempts, state.Attempts.ToString(CultureInfo.InvariantCulture));
            headers.Add(DeadLetterHeaders.FailedWith, state.FailedWith);
        }
        headers.Add(DeadLetterHeaders.Parked, state.Since);
        headers.Add(DeadLetterHeaders.Stream, ParkedState.KeyOf(item.StreamId));
        headers.Add(DeadLetterHeaders.Position, position);
        _writer.Add(new(item, state, reason, headers, begins));
    }

    /// <summary>An end that was overtaken (by a live record, by another failure, by an end before it) changes nothing.</summary>
    private bool Accepts(CachedEvent item, RedriveEnd end, Parking? parking)
    {
        if (parking?.State.Ended == true)
        {
            _writer.Add(new(item, null, null, null)); // it may be this one that ended it, and that is not written yet
            return false;
        }
        if (parking is not { Ends: false, State: var state } || state.Since != end.Since || state.Mark != end.Mark)
        {
            tracker.Complete(item);
            return false;
        }
        // At once, so that live records behind it wait in the queue and become no letters.
        _parked[item.StreamId] = parking with { EndAt = PositionOf(item) };
        return true;
    }

    private bool Apply(ConsumeResult<byte[]?, byte[]?> record, ConcurrentDictionary<StreamId, Parking> parked)
    {
        if (ParkedState.StreamOf(partition, record.Message.Key) is { } stream)
        {
            if (ParkedState.Of(record.Message.Value) is { } state)
            {
                parked[stream] = new(state);
            }
            else
            {
                parked.TryRemove(stream, out _);
            }
        }
        return true;
    }

    [LoggerMessage(LogLevel.Error, "Partition {Partition} offset {Offset}: given up after {Attempts} attempts ({Failure}). Its stream is parked: what comes behind goes to the dead-letter topic, until it is sent again (emostream dlq redrive).")]
    private partial void LogParked(int partition, long offset, int attempts, string failure);

    [LoggerMessage(LogLevel.Information, "Partition {Partition} offset {Offset}: a parked stream goes on.")]
    private partial void LogContinued(int partition, long offset);

    [LoggerMessage(LogLevel.Error, "Partition {Partition}: {Topic}, which says what is parked, cannot be read ({Error}). Nothing is delivered until then.")]
    private partial void LogNotLoaded(int partition, string topic, ErrorCode error);

    [LoggerMessage(LogLevel.Warning, "Partition {Partition}: {Count} streams are parked.")]
    private partial void LogLoaded(int partition, int count);

    /// <summary>A stream that is parked, or was.</summary>
    /// <param name="State">As it is, or will be, in the parking topic.</param>
    /// <param name="EndAt">The position of an end that was accepted and waits in the queue: what comes now waits behind it.</param>
    /// <param name="Extends">Everything behind the last letter was read here. Behind a former owner's, somebody may have delivered something.</param>
    private sealed record Parking(ParkedState State, string? EndAt = null, bool Extends = false)
    {
        public bool Ends => EndAt is not null;
    }
}
