using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka.Cache;
using EmoStream.Streaming.Kafka.Reading;
using Microsoft.Extensions.Logging;

namespace EmoStream.Streaming.Kafka.DeadLetters;

/// <summary>
/// Carries out what a <see cref="ParkingLot"/> decided, in its order, as many at once as wait:
/// <code>
/// 1 records     those that were not kept are read again from the topic
/// 2 beginnings  that streams are parked, acknowledged, with what was decided of them before done: who finds a letter finds a state
/// 3 letters     acknowledged
/// 4 states      the newest of each stream, acknowledged: it names no letter that is not there
/// 5 done        the offsets may be committed
/// </code>
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "A token source without a timer holds nothing.")]
internal sealed partial class ParkingWriter(KafkaStreamContext context, int partition, OffsetTracker tracker)
{
    private const int MaxBatch = 500;

    private readonly ILogger _logger = context.Loggers.CreateLogger<ParkingWriter>();
    private readonly Channel<ParkedEvent> _events = Channel.CreateUnbounded<ParkedEvent>(new() { SingleReader = true });
    private readonly CancellationTokenSource _stop = new();
    private int _started;
    private int _pending;
    private Task _running = Task.CompletedTask;

    /// <summary>Events whose letters are not acknowledged.</summary>
    public int Pending => Volatile.Read(ref _pending);

    public void Add(ParkedEvent item)
    {
        if (item.Reason is not null)
        {
            Interlocked.Increment(ref _pending);
        }
        _events.Writer.TryWrite(item);
        if (Interlocked.Exchange(ref _started, 1) == 0)
        {
            // Not on the pulling agent's scheduler: reading records again blocks.
            _running = Task.Run(RunAsync);
        }
    }

    /// <summary>Takes nothing more; done when all that was decided is written, or after <see cref="Stop"/>.</summary>
    public Task DrainAsync()
    {
        _events.Writer.TryComplete();
        return _running;
    }

    public void Stop() => _stop.Cancel();

    private async Task RunAsync()
    {
        var batch = new List<ParkedEvent>();
        var streams = new HashSet<StreamId>();
        try
        {
            while (await _events.Reader.WaitToReadAsync(_stop.Token).ConfigureAwait(false))
            {
                batch.Clear();
                streams.Clear();
                // A beginning is the first of its stream: it names the letters of parkings before it, which must be there.
                while (batch.Count < MaxBatch && _events.Reader.TryPeek(out var item) && (streams.Add(item.Item.StreamId) || !item.Begins))
                {
                    _events.Reader.TryRead(out _);
                    batch.Add(item);
                }
                await WriteUntilDoneAsync(batch).ConfigureAwait(false);
            }
        }
        catch (Exception) when (_stop.IsCancellationRequested)
        {
            // What is not written is not done.
        }
    }

    private async Task WriteUntilDoneAsync(List<ParkedEvent> batch)
    {
        while (true)
        {
            try
            {
                await WriteAsync(batch).ConfigureAwait(false);
                return;
            }
            catch (Exception e) when (!_stop.IsCancellationRequested)
            {
                // Letters may double; nothing is done before all of it is written.
                LogFailed(partition, batch.Count, e.GetType());
                await Task.Delay(context.Options.MaxRetryDelay, context.Time, _stop.Token).ConfigureAwait(false);
            }
        }
    }

    private async Task WriteAsync(List<ParkedEvent> batch)
    {
        // 1
        await ReadAgainAsync([.. batch.Where(e => e.Reason is not null && e.Item.Record is null).Select(e => e.Item)]).ConfigureAwait(false);
        // 2
        await Task.WhenAll(batch.Where(e => e.Begins).Select(WriteBeginningAsync)).ConfigureAwait(false);
        // 3
        await Task.WhenAll(batch.Where(e => e.Reason is not null).Select(WriteLetterAsync)).ConfigureAwait(false);
        // 4
        var states = batch.Where(e => e.State is not null).GroupBy(e => e.Item.StreamId);
        await Task.WhenAll(states.Select(s => context.DeadLetters.WriteStateAsync(partition, s.Key, s.Last().State!, _stop.Token))).ConfigureAwait(false);
        // 5
        foreach (var e in batch)
        {
            tracker.Complete(e.Item);
        }
        Interlocked.Add(ref _pending, -batch.Count(e => e.Reason is not null));
    }

    /// <summary>The first letter's state without that letter.</summary>
    private Task WriteBeginningAsync(ParkedEvent first)
    {
        var parked = first.State!;
        var former = parked.Ranges!.Where(range => range.Since != parked.Since);
        return context.DeadLetters.WriteStateAsync(partition, first.Item.StreamId, parked with { Ranges = [.. former] }, _stop.Token);
    }

    private Task WriteLetterAsync(ParkedEvent e)
    {
        var record = e.Item.Record!;
        var headers = new Headers();
        foreach (var header in e.Headers!)
        {
            headers.Add(header);
        }
        // What another group sends again is a new record for this one.
        var isOurs = DeadLetterHeaders.Text(record.Message.Headers, DeadLetterHeaders.Redrive)?.StartsWith($"{context.Options.GroupId}:", StringComparison.Ordinal) == true;
        headers.Add(
            DeadLetterHeaders.Origin,
            (isOurs ? DeadLetterHeaders.Text(record.Message.Headers, DeadLetterHeaders.RedriveOrigin) : null) ?? RecordPosition.Of(e.Item.Origin.Source, e.Item.Offset));
        if (record.Message.Value is null)
        {
            headers.Add(DeadLetterHeaders.Truncated, "true");
        }
        return context.DeadLetters.WriteAsync(record, e.Reason!, _stop.Token, headers);
    }

    /// <summary>In one pass over the partition: what was cached lies close together.</summary>
    private async Task ReadAgainAsync(List<CachedEvent> items)
    {
        if (items.Count == 0)
        {
            return;
        }
        var at = new TopicPartition(context.Options.Topic, partition);
        var topicId = await context.Topics.TopicIdAsync().ConfigureAwait(false);
        // A stream may hold events of a topic that has since been deleted and created again, and one event twice after a rewind.
        var wanted = items.Where(i => i.Origin.Source == $"{topicId}/{partition}").ToLookup(i => i.Offset);
        if (wanted.Count > 0)
        {
            var left = wanted.Count;
            PartitionScan.Read(
                context.Options,
                at,
                wanted.Min(i => i.Key),
                record =>
                {
                    foreach (var item in wanted[record.Offset])
                    {
                        item.Record = record;
                    }
                    left -= wanted.Contains(record.Offset) ? 1 : 0;
                    return left > 0;
                },
                _stop.Token);
        }
        foreach (var item in items.Where(i => i.Record is null))
        {
            LogGone(partition, item.Offset);
            item.Record = new() { TopicPartitionOffset = new(at, item.Offset), Message = new() { Headers = [] } };
        }
    }

    [LoggerMessage(LogLevel.Warning, "Partition {Partition}: parking {Count} events failed with {Exception}. Trying again; their offsets are not committed meanwhile.")]
    private partial void LogFailed(int partition, int count, Type exception);

    [LoggerMessage(LogLevel.Warning, "Partition {Partition} offset {Offset}: given up, and its record is gone from the topic: the dead letter has no value.")]
    private partial void LogGone(int partition, long offset);
}

/// <summary>One step of a parked stream.</summary>
/// <param name="Item">The event, or the <see cref="RedriveEnd"/> in its place; done when the step is.</param>
/// <param name="State">The stream's state after it; null: as before.</param>
/// <param name="Reason">Why the event becomes a dead letter; null: it does not, or it has one.</param>
/// <param name="Headers">The letter's further headers.</param>
/// <param name="Begins">The first letter of a parking.</param>
internal sealed record ParkedEvent(CachedEvent Item, ParkedState? State, string? Reason, Headers? Headers, bool Begins = false);
