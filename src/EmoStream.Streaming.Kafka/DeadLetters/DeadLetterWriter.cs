using System.Globalization;
using System.Security.Cryptography;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using ErrorCode = Confluent.Kafka.ErrorCode;

namespace EmoStream.Streaming.Kafka.DeadLetters;

/// <summary>
/// Copies records that cannot become an event, or whose event no grain takes, to the dead-letter topic: key, value and headers as they were, plus headers
/// that say where the record lay and what was wrong. Returns only when Kafka has acknowledged the copy (acks=all,
/// idempotent), however long that takes; after a time-out there may be two copies.
/// </summary>
/// <remarks>
/// A record that the dead-letter topic refuses for its size goes without value and original headers and with the key cut to
/// 1 KiB; size and SHA-256 of the value stand in the headers, and the original stays in its topic as long as that keeps it.
/// When that is still too large, the key goes empty and the reason short.
/// The letter's own time is that of its writing, because retention counts from it; the record's stands in a header.
/// </remarks>
internal sealed partial class DeadLetterWriter(
    KafkaStreamOptions options, StreamingKafkaMetrics metrics, TimeProvider time, ILogger<DeadLetterWriter> logger) : IDisposable
{
    private const int KeptKeyBytes = 1024;
    private const int MaxReasonLength = 1000;
    private const int ShortReasonLength = 100;
    private readonly ILogger _logger = logger;
    private readonly RenewedProducer _producer = new(Config(options), message => LogClient(logger, message.Level, message.Facility));

    /// <param name="record">The record; may be one without value whose own is gone.</param>
    /// <param name="reason">What is wrong with it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="more">Further headers, such as <see cref="DeadLetterHeaders.Parked"/>; also on letters that are cut.</param>
    public async Task WriteAsync(ConsumeResult<byte[]?, byte[]?> record, string reason, CancellationToken cancellationToken, Headers? more = null)
    {
        var message = Copy(record, reason);
        AddAll(message.Headers, more);
        var cuts = 0;
        for (var delay = TimeSpan.FromMilliseconds(100); ; delay = Min(delay * 2, options.MaxRetryDelay))
        {
            try
            {
                await _producer.ProduceAsync(new(options.DeadLetterTopic, Partition.Any), message, cancellationToken).ConfigureAwait(false);
                metrics.DeadLettered(record.Partition);
                return;
            }
            catch (KafkaException e) when (cuts < 2 && e.Error.Code is ErrorCode.MsgSizeTooLarge or ErrorCode.RecordListTooLarge)
            {
                message = cuts++ == 0 ? Cut(record, reason, KeptKeyBytes, MaxReasonLength) : Cut(record, reason, 0, ShortReasonLength);
                AddAll(message.Headers, more);
                LogCut(record.Partition, record.Offset);
                continue;
            }
            catch (KafkaException e)
            {
                LogRefused(record.Partition, record.Offset, options.DeadLetterTopic, e.Error.Code);
            }
            await Task.Delay(delay, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Writes a stream's state into the parking topic, however long that takes.</summary>
    /// <param name="partition">The partition that it is parked in.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="state">The state.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task WriteStateAsync(int partition, StreamId stream, ParkedState state, CancellationToken cancellationToken)
    {
        var message = new Message<byte[]?, byte[]?> { Key = ParkedState.KeyOf(partition, ParkedState.KeyOf(stream)), Value = state.ToBytes() };
        for (var delay = TimeSpan.FromMilliseconds(100); ; delay = Min(delay * 2, options.MaxRetryDelay))
        {
            try
            {
                await _producer.ProduceAsync(ParkingLot.Topic(options), message, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (KafkaException e)
            {
                LogStateRefused(options.ParkingTopic, e.Error.Code);
            }
            await Task.Delay(delay, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Takes a stream's state out of the parking topic. Once, and whoever loads the states next does it again where it failed: tried
    /// again here, it might pass a newer state.
    /// </summary>
    /// <param name="partition">The partition that it was parked in.</param>
    /// <param name="stream">The stream.</param>
    public async Task ForgetAsync(int partition, StreamId stream)
    {
        try
        {
            await _producer.ProduceAsync(ParkingLot.Topic(options), new() { Key = ParkedState.KeyOf(partition, ParkedState.KeyOf(stream)) }, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is KafkaException or ObjectDisposedException)
        {
            LogNotForgotten(e.GetType());
        }
    }

    public void Dispose() => _producer.Dispose();

    internal static Message<byte[]?, byte[]?> Copy(ConsumeResult<byte[]?, byte[]?> record, string reason)
    {
        var headers = new Headers();
        foreach (var header in record.Message.Headers ?? [])
        {
            headers.Add(DeadLetterHeaders.OnLetter(header.Key), header.GetValueBytes());
        }
        AddReason(headers, record, reason, MaxReasonLength);
        return new() { Key = record.Message.Key, Value = record.Message.Value, Headers = headers };
    }

    private static Message<byte[]?, byte[]?> Cut(ConsumeResult<byte[]?, byte[]?> record, string reason, int keyBytes, int reasonLength)
    {
        var headers = new Headers();
        var value = record.Message.Value ?? [];
        AddReason(headers, record, reason, reasonLength);
        headers.Add(DeadLetterHeaders.Truncated, "true");
        headers.Add(DeadLetterHeaders.Prefix + "size", value.Length.ToString(CultureInfo.InvariantCulture));
        headers.Add(DeadLetterHeaders.Prefix + "sha256", Convert.ToHexStringLower(SHA256.HashData(value)));
        var key = record.Message.Key;
        return new()
        {
            Key = key?.Length > keyBytes ? key[..keyBytes] : key,
            Value = [],
            Headers = headers,
        };
    }

    private static void AddReason(Headers headers, ConsumeResult<byte[]?, byte[]?> record, string reason, int length)
    {
        headers.Add(DeadLetterHeaders.Reason, reason.Length > length ? reason[..length] : reason);
        headers.Add(DeadLetterHeaders.Topic, record.Topic);
        headers.Add(DeadLetterHeaders.Partition, record.Partition.Value.ToString(CultureInfo.InvariantCulture));
        headers.Add(DeadLetterHeaders.Offset, record.Offset.Value.ToString(CultureInfo.InvariantCulture));
        headers.Add(DeadLetterHeaders.Timestamp, record.Message.Timestamp.UnixTimestampMs.ToString(CultureInfo.InvariantCulture));
    }

    private void AddAll(Headers headers, Headers? more)
    {
        foreach (var header in more ?? [])
        {
            headers.Add(header.Key, header.GetValueBytes());
        }
        if (DeadLetterHeaders.Bytes(more, DeadLetterHeaders.Parked) is not null)
        {
            // So that who sends the letter again need not guess it.
            headers.Add(DeadLetterHeaders.ParkingTopic, options.ParkingTopic);
        }
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private static ProducerConfig Config(KafkaStreamOptions options)
    {
        var config = KafkaStreamContext.ProducerConfig(options);
        // One record a batch: a record that is too large must not take its neighbours with it.
        config.BatchNumMessages = 1;
        return config;
    }

    [LoggerMessage(LogLevel.Warning, "The dead letter for partition {Partition} offset {Offset} was refused by {Topic}: {Error}. Trying again; the offset is not committed meanwhile.")]
    private partial void LogRefused(int partition, long offset, string topic, ErrorCode error);

    [LoggerMessage(LogLevel.Warning, "The dead letter for partition {Partition} offset {Offset} is too large for its topic: sending it without value.")]
    private partial void LogCut(int partition, long offset);

    [LoggerMessage(LogLevel.Warning, "The state of a parked stream was refused by {Topic}: {Error}. Trying again; its events stay where they are meanwhile.")]
    private partial void LogStateRefused(string topic, ErrorCode error);

    [LoggerMessage(LogLevel.Debug, "The state of a stream that was parked is not taken away ({Exception}).")]
    private partial void LogNotForgotten(Type exception);

    [LoggerMessage(LogLevel.Debug, "librdkafka dead-letter producer: {Level} {Facility}")]
    private static partial void LogClient(ILogger logger, SyslogLevel level, string facility);
}
