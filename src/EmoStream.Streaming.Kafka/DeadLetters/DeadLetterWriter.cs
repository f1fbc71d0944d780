using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using ErrorCode = Confluent.Kafka.ErrorCode;

namespace EmoStream.Streaming.Kafka.DeadLetters;

/// <summary>
/// Copies records that cannot become an event to the dead-letter topic: key, value and headers as they were, plus headers
/// that say where the record lay and what was wrong. Returns only when Kafka has acknowledged the copy (acks=all,
/// idempotent), however long that takes; after a time-out there may be two copies.
/// </summary>
/// <remarks>
/// A record that the dead-letter topic refuses for its size goes without value and original headers and with the key cut to
/// 1 KiB; size and SHA-256 of the value stand in the headers, and the original stays in its topic as long as that keeps it.
/// When that is still too large, the key goes empty and the reason short.
/// </remarks>
internal sealed partial class DeadLetterWriter(
    KafkaStreamOptions options, StreamingKafkaMetrics metrics, TimeProvider time, ILogger<DeadLetterWriter> logger) : IDisposable
{
    public const string Prefix = "emostream-dlq-";
    private const int KeptKeyBytes = 1024;
    private const int MaxReasonLength = 1000;
    private const int ShortReasonLength = 100;
    private readonly Lock _lock = new();
    private IProducer<byte[]?, byte[]?>? _producer;

    public async Task WriteAsync(ConsumeResult<byte[]?, byte[]?> record, string reason, CancellationToken cancellationToken)
    {
        var message = Copy(record, reason);
        var cuts = 0;
        for (var delay = TimeSpan.FromMilliseconds(100); ; delay = Min(delay * 2, options.MaxRetryDelay))
        {
            var producer = Producer();
            try
            {
                await producer.ProduceAsync(options.DeadLetterTopic, message, cancellationToken).ConfigureAwait(false);
                metrics.DeadLettered(record.Partition);
                return;
            }
            catch (KafkaException e) when (cuts < 2 && e.Error.Code is ErrorCode.MsgSizeTooLarge or ErrorCode.RecordListTooLarge)
            {
                message = cuts++ == 0 ? Cut(record, reason, KeptKeyBytes, MaxReasonLength) : Cut(record, reason, 0, ShortReasonLength);
                LogCut(record.Partition, record.Offset);
                continue;
            }
            catch (KafkaException e)
            {
                LogRefused(record.Partition, record.Offset, e.Error.Code);
                if (e.Error.IsFatal)
                {
                    Replace(producer);
                }
            }
            await Task.Delay(delay, time, cancellationToken).ConfigureAwait(false);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _producer?.Dispose();
            _producer = null;
        }
    }

    private static Message<byte[]?, byte[]?> Copy(ConsumeResult<byte[]?, byte[]?> record, string reason)
    {
        var headers = new Headers();
        foreach (var header in record.Message.Headers ?? [])
        {
            headers.Add(header.Key, header.GetValueBytes());
        }
        AddReason(headers, record, reason, MaxReasonLength);
        return new() { Key = record.Message.Key, Value = record.Message.Value, Headers = headers, Timestamp = record.Message.Timestamp };
    }

    private static Message<byte[]?, byte[]?> Cut(ConsumeResult<byte[]?, byte[]?> record, string reason, int keyBytes, int reasonLength)
    {
        var headers = new Headers();
        var value = record.Message.Value ?? [];
        AddReason(headers, record, reason, reasonLength);
        Add(headers, "truncated", "true");
        Add(headers, "size", value.Length.ToString(CultureInfo.InvariantCulture));
        Add(headers, "sha256", Convert.ToHexStringLower(SHA256.HashData(value)));
        var key = record.Message.Key;
        return new()
        {
            Key = key?.Length > keyBytes ? key[..keyBytes] : key,
            Value = [],
            Headers = headers,
            Timestamp = record.Message.Timestamp,
        };
    }

    private static void AddReason(Headers headers, ConsumeResult<byte[]?, byte[]?> record, string reason, int length)
    {
        Add(headers, "reason", reason.Length > length ? reason[..length] : reason);
        Add(headers, "topic", record.Topic);
        Add(headers, "partition", record.Partition.Value.ToString(CultureInfo.InvariantCulture));
        Add(headers, "offset", record.Offset.Value.ToString(CultureInfo.InvariantCulture));
        Add(headers, "timestamp", record.Message.Timestamp.UnixTimestampMs.ToString(CultureInfo.InvariantCulture));
    }

    private static void Add(Headers headers, string name, string value) => headers.Add(Prefix + name, Encoding.UTF8.GetBytes(value));

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private IProducer<byte[]?, byte[]?> Producer()
    {
        lock (_lock)
        {
            if (_producer is null)
            {
                var config = KafkaStreamContext.ProducerConfig(options);
                // One record a batch: a record that is too large must not take its neighbours with it.
                config.BatchNumMessages = 1;
                _producer = new ProducerBuilder<byte[]?, byte[]?>(config)
                    .SetLogHandler((_, message) => LogClient(message.Level, message.Facility))
                    .Build();
            }
            return _producer;
        }
    }

    /// <summary>An idempotent producer does not recover from a fatal error.</summary>
    private void Replace(IProducer<byte[]?, byte[]?> broken)
    {
        lock (_lock)
        {
            if (ReferenceEquals(_producer, broken))
            {
                _producer = null;
            }
        }
        broken.Dispose();
    }

    [LoggerMessage(LogLevel.Warning, "The dead letter for partition {Partition} offset {Offset} was refused: {Error}. Trying again; the offset is not committed meanwhile.")]
    private partial void LogRefused(int partition, long offset, ErrorCode error);

    [LoggerMessage(LogLevel.Warning, "The dead letter for partition {Partition} offset {Offset} is too large for its topic: sending it without value.")]
    private partial void LogCut(int partition, long offset);

    [LoggerMessage(LogLevel.Debug, "librdkafka dead-letter producer: {Level} {Facility}")]
    private partial void LogClient(SyslogLevel level, string facility);
}
