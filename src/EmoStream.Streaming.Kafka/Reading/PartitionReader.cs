using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka.Cache;
using EmoStream.Streaming.Kafka.DeadLetters;
using Microsoft.Extensions.Logging;
using Orleans.Streams;
using ErrorCode = Confluent.Kafka.ErrorCode;

namespace EmoStream.Streaming.Kafka.Reading;

/// <summary>
/// Reads one partition on its own thread, long-polling, from the committed offset on:
/// <code>
/// 1 room?    wait while the cache is full
/// 2 consume  the next record, in order
/// 3 decode   event -> channel to the pulling agent; anything else -> dead-letter topic
/// 4 store    the watermark; librdkafka commits it every CommitInterval
/// </code>
/// Stopping goes the same way: no more records, then the dead letters under way, then the last commit. When the client fails it is built anew and reading goes on behind the last record that was read.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "The thread may outlive its owner; a token source without a timer holds nothing.")]
internal sealed partial class PartitionReader(
    KafkaStreamContext context, int partition, OffsetTracker tracker, ChannelWriter<IBatchContainer> output, ParkingLot? parking = null)
{
    // How long the thread blocks at most before it looks at stop requests and stores the watermark; no latency hangs on it.
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(10);
    // What a decoded event costs beyond the bytes it came in; bounds floods of tiny records.
    private const int RecordOverhead = 256;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);

    private readonly ILogger _logger = context.Loggers.CreateLogger<PartitionReader>();
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _close = new();
    private readonly TaskCompletionSource _readingEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<PendingOffset, Task> _deadLetters = new();
    private readonly TopicPartition _topicPartition = new(context.Options.Topic, partition);
    private long _stored = -1;
    private TimeSpan _pause = FirstPause;
    private volatile bool _abandoned;

    public int Partition => partition;

    public KafkaStreamOptions Options => context.Options;

    public OffsetTracker Tracker => tracker;

    /// <summary>Dead letters that Kafka has not acknowledged yet: while there are some, the offset stays before them.</summary>
    public int DeadLettersPending => _deadLetters.Count + (parking?.Pending ?? 0);

    /// <summary>Streams that are parked by an event of this partition.</summary>
    public int Parked => parking?.Count ?? 0;

    public void Start()
    {
        context.Metrics.Track(this);
        new Thread(Run) { IsBackground = true, Name = $"kafka {context.Options.Topic} {partition}" }.Start();
    }

    /// <summary>
    /// Ends reading, lets dead letters under way be acknowledged, commits the watermark, closes the client. A dead-letter
    /// topic that does not answer has half of the time; closing has the other half to itself.
    /// </summary>
    public async Task StopAsync(TimeSpan timeout)
    {
        await _stop.CancelAsync();
        try
        {
            await DeadLettersUnderWayAsync().WaitAsync(timeout / 2, context.Time);
        }
        catch (TimeoutException)
        {
            LogDeadLettersOpen(partition, DeadLettersPending);
            parking?.Stop();
        }
        await _close.CancelAsync();
        try
        {
            await _ended.Task.WaitAsync(timeout / 2, context.Time);
        }
        catch (TimeoutException)
        {
            LogStillClosing(partition);
        }
        context.Metrics.Untrack(this);
    }

    /// <summary>
    /// Ends reading without another commit: the host is disposed of, and whatever the reader needs may be gone already.
    /// </summary>
    /// <returns>Done when the client is closed and the thread at its end.</returns>
    public Task AbandonAsync()
    {
        _abandoned = true;
        _stop.Cancel();
        _close.Cancel();
        context.Metrics.Untrack(this);
        return _ended.Task;
    }

    private async Task DeadLettersUnderWayAsync()
    {
        await _readingEnded.Task;
        await Task.WhenAll(_deadLetters.Values);
        await (parking?.DrainAsync() ?? Task.CompletedTask);
    }

    private void Run()
    {
        try
        {
            while (!_stop.IsCancellationRequested)
            {
                try
                {
                    Read();
                }
                catch (OperationCanceledException) when (_stop.IsCancellationRequested)
                {
                    // While it waited for its position.
                }
                catch (Exception) when (_abandoned)
                {
                    // What it used is disposed of.
                }
                catch (SupersededException)
                {
                    LogSuperseded(partition);
                    context.Metrics.HandedOver(partition, "fenced");
                    (_superseded, _claimed) = (true, null);
                    Volatile.Write(ref _high, -1);
                    parking?.Fence();
                    LetGo();
                    Pause();
                }
                catch (KafkaException e)
                {
                    // A broker that has just started has no group coordinator yet: soon is good enough.
                    LogClientFailed(partition, e.Error.Code);
                    Pause();
                }
                catch (Exception e)
                {
                    // Whatever it was, reading must go on: an agent does not start its receiver twice.
                    LogReadFailed(e, partition);
                    Pause();
                }
            }
        }
        finally
        {
            _readingEnded.TrySetResult();
            output.TryComplete();
            // As at the end of Read, where the stop found the reader elsewhere: the partition is not free before all is written.
            _close.Token.WaitHandle.WaitOne();
            LetGo();
            _ended.TrySetResult();
            LeaveRewinds();
        }
    }

    /// <summary>Doubles until a client got as far as reading.</summary>
    private void Pause()
    {
        _stop.Token.WaitHandle.WaitOne(_pause);
        _pause = _pause * 2 < context.Options.MaxRetryDelay ? _pause * 2 : context.Options.MaxRetryDelay;
    }

    private void Read()
    {
        Hold();
        using var consumer = Build();
        Position(consumer);
        parking?.Load(_origin, _low, _stop.Token);
        _pause = FirstPause;
        while (!_stop.IsCancellationRequested)
        {
            if (PositionIsOver || TopicWasRecreated())
            {
                Position(consumer);
            }
            RewindWhereAsked(consumer);
            Store(consumer);
            LookAtEnd(consumer);
            // 1
            if (!tracker.WaitForRoom(Tick))
            {
                AskForEnd(consumer);
                continue;
            }
            // 2
            ConsumeResult<byte[]?, byte[]?>? record;
            try
            {
                record = consumer.Consume((int)Tick.TotalMilliseconds);
            }
            catch (ConsumeException e) when (e.Error.Code is ErrorCode.Local_AutoOffsetReset or ErrorCode.OffsetOutOfRange
                or ErrorCode.UnknownTopicOrPart or ErrorCode.Local_UnknownTopic or ErrorCode.Local_UnknownPartition)
            {
                Position(consumer);
                continue;
            }
            catch (ConsumeException e) when (!e.Error.IsFatal)
            {
                LogConsumeFailed(partition, e.Error.Code);
                continue;
            }
            if (record?.IsPartitionEOF == true)
            {
                tracker.SkipTo(record.Offset);
            }
            // 3
            if (record?.Message is not null)
            {
                Take(record);
            }
        }
        _readingEnded.TrySetResult();
        _close.Token.WaitHandle.WaitOne();
        if (!_abandoned)
        {
            Commit(consumer);
        }
        consumer.Close();
    }

    private void Take(ConsumeResult<byte[]?, byte[]?> record)
    {
        context.Metrics.Read(partition, context.Time.GetUtcNow(), record.Message.Timestamp);
        var key = record.Message.Key;
        var value = record.Message.Value;
        var headers = RequestContextHeaders.BytesOf(record.Message.Headers);
        var bytes = RecordOverhead + (key?.Length ?? 0) + (value?.Length ?? 0) + headers.All;
        var decoded = headers.Context <= RequestContextHeaders.MaxBytes ? Decode(record, key, value) : KafkaDecoded.Reject("the request context is larger than a call to a grain may carry");
        if (IsDone(record.Offset, decoded))
        {
            var done = new PendingOffset(record.Offset, bytes);
            tracker.Add(done);
            tracker.Complete(done);
            return;
        }
        if (decoded.Event is not null)
        {
            var item = new CachedEvent(_origin, record.Offset, bytes, decoded.StreamId, decoded.Event)
            {
                TimestampMs = record.Message.Timestamp.UnixTimestampMs,
                ReadAt = context.Time.GetTimestamp(),
                TraceParent = KafkaTracing.IsListened ? DeadLetterHeaders.Text(record.Message.Headers, KafkaTracing.Header) : null,
                RequestContext = RequestContextHeaders.Of(record.Message.Headers),
                Record = parking?.NeedsRecord(decoded.StreamId, record.Message.Headers) == true ? record : null,
            };
            tracker.Add(item);
            output.TryWrite(item);
            return;
        }
        var rejected = new PendingOffset(record.Offset, bytes) { TimestampMs = record.Message.Timestamp.UnixTimestampMs };
        tracker.Add(rejected);
        var copy = DeadLetterAsync(record, rejected, decoded.Reason ?? "the data adapter returned nothing");
        if (!copy.IsCompleted)
        {
            _deadLetters[rejected] = copy;
            _ = copy.ContinueWith((_, r) => _deadLetters.TryRemove((PendingOffset)r!, out Task? _), rejected, TaskScheduler.Default);
        }
    }

    private KafkaDecoded Decode(ConsumeResult<byte[]?, byte[]?> record, byte[]? key, byte[]? value)
    {
        if (key is null or { Length: 0 })
        {
            return KafkaDecoded.Reject("the record has no key");
        }
        // Only then: of other records nobody looks at the headers.
        if (value is null or { Length: 0 } && RedriveEnd.IsMeant(record.Message.Headers))
        {
            return RedriveEnd.Of(record.Message.Headers) is { } end
                ? KafkaDecoded.Accept(end.StreamId, end)
                : KafkaDecoded.Reject("the record is no event, and as the end of a redrive it is not complete");
        }
        if (value is null)
        {
            return KafkaDecoded.Reject("the record has no value (a tombstone)");
        }
        try
        {
            return context.DataAdapter.Decode(new KafkaRecord(
                record.Topic,
                partition,
                record.Offset,
                KafkaRecord.TimeOf(record.Message.Timestamp.UnixTimestampMs),
                key,
                value,
                record.Message.Headers));
        }
        catch (Exception e)
        {
            LogDecoderThrew(partition, record.Offset, e.GetType());
            return KafkaDecoded.Reject($"the decoder threw {e.GetType().Name}");
        }
    }

    private async Task DeadLetterAsync(ConsumeResult<byte[]?, byte[]?> record, PendingOffset pending, string reason)
    {
        while (!_close.IsCancellationRequested)
        {
            try
            {
                await context.DeadLetters.WriteAsync(record, reason, _close.Token).ConfigureAwait(false);
                tracker.Complete(pending);
                LogDeadLettered(partition, record.Offset);
                return;
            }
            catch (Exception e) when (!_close.IsCancellationRequested)
            {
                LogDeadLetterFailed(partition, record.Offset, e.GetType());
                await Task.Delay(context.Options.MaxRetryDelay, context.Time, _close.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception)
            {
                break;
            }
        }
        // Stopping: the offset stays uncommitted, and the next owner writes the dead letter.
        LogDeadLetterLeft(partition, record.Offset);
    }

    private IConsumer<byte[]?, byte[]?> Build() =>
        new ConsumerBuilder<byte[]?, byte[]?>(KafkaStreamContext.ConsumerConfig(context.Options))
            .SetOffsetsCommittedHandler((_, committed) =>
            {
                if (committed.Error.IsError)
                {
                    CommitFailed(committed.Error);
                }
            })
            .SetErrorHandler((_, error) => LogClientError(partition, error.Code))
            .SetLogHandler((_, message) => LogClient(partition, message.Level, message.Facility))
            .Build();

    [LoggerMessage(LogLevel.Warning, "Partition {Partition}: {Error}; the client is built anew.")]
    private partial void LogClientFailed(int partition, ErrorCode error);

    [LoggerMessage(LogLevel.Error, "Partition {Partition}: reading failed, the client is built anew.")]
    private partial void LogReadFailed(Exception exception, int partition);

    [LoggerMessage(LogLevel.Warning, "Partition {Partition}: {Error} while consuming; librdkafka tries again.")]
    private partial void LogConsumeFailed(int partition, ErrorCode error);

    [LoggerMessage(LogLevel.Warning, "Partition {Partition} offset {Offset}: the decoder threw {Exception}; the record is dead-lettered.")]
    private partial void LogDecoderThrew(int partition, long offset, Type exception);

    [LoggerMessage(LogLevel.Warning, "Partition {Partition} offset {Offset}: no event; the record is in the dead-letter topic, with the reason.")]
    private partial void LogDeadLettered(int partition, long offset);

    [LoggerMessage(LogLevel.Information, "Partition {Partition} offset {Offset}: not dead-lettered yet; the next owner does it.")]
    private partial void LogDeadLetterLeft(int partition, long offset);

    [LoggerMessage(LogLevel.Error, "Partition {Partition} offset {Offset}: writing the dead letter failed ({Exception}). Trying again; the offset is not committed meanwhile.")]
    private partial void LogDeadLetterFailed(int partition, long offset, Type exception);

    [LoggerMessage(LogLevel.Warning, "Partition {Partition}: {Count} dead letters are not acknowledged; the offsets of their records are not committed.")]
    private partial void LogDeadLettersOpen(int partition, int count);

    [LoggerMessage(LogLevel.Warning, "Partition {Partition}: Kafka does not answer; the client closes in the background.")]
    private partial void LogStillClosing(int partition);

    [LoggerMessage(LogLevel.Debug, "Partition {Partition}: client error {Error}.")]
    private partial void LogClientError(int partition, ErrorCode error);

    [LoggerMessage(LogLevel.Debug, "Partition {Partition}: librdkafka {Level} {Facility}.")]
    private partial void LogClient(int partition, SyslogLevel level, string facility);
}
