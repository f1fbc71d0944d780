using Confluent.Kafka;
using EmoStream.Streaming.Kafka.DeadLetters;
using EmoStream.Streaming.Kafka.Reading;
using Microsoft.Extensions.Logging;

namespace EmoStream.Streaming.Kafka;

/// <summary>What everything of one provider shares, and the librdkafka settings that its guarantees rest on.</summary>
internal sealed record KafkaStreamContext(
    string Name,
    KafkaStreamOptions Options,
    KafkaDataAdapter DataAdapter,
    StreamingKafkaMetrics Metrics,
    TimeProvider Time,
    ILoggerFactory Loggers)
{
    public required DeadLetterWriter DeadLetters { get; init; }

    public required KafkaTopics Topics { get; init; }

    /// <summary>
    /// Manual assignment under a group id that is used for committed offsets alone: Orleans decides who owns a partition.
    /// Out-of-range offsets are an error here, because librdkafka would jump silently.
    /// </summary>
    public static ConsumerConfig ConsumerConfig(KafkaStreamOptions options) => new(Common(options))
    {
        GroupId = options.GroupId,
        EnableAutoCommit = true,
        AutoCommitIntervalMs = (int)options.CommitInterval.TotalMilliseconds,
        EnableAutoOffsetStore = false,
        AutoOffsetReset = AutoOffsetReset.Error,
        EnablePartitionEof = false,
        AllowAutoCreateTopics = false,
        // Prefetched bytes are outside the cache's bound: keep them small. The default would be 64 MiB a partition.
        QueuedMaxMessagesKbytes = 4096,
        QueuedMinMessages = Math.Max(options.FetchBatch * 2, 1000),
        // A full prefetch queue is looked at again after this; the default of one second halves the throughput.
        FetchQueueBackoffMs = 10,
    };

    public static ProducerConfig ProducerConfig(KafkaStreamOptions options) => new(Common(options))
    {
        Acks = Acks.All,
        EnableIdempotence = true,
        Partitioner = Partitioner.Murmur2Random,
        // The broker decides what is too large, per topic; this only stops librdkafka from deciding before it.
        MessageMaxBytes = 100_000_000,
        MessageTimeoutMs = 30_000,
        LingerMs = 1,
    };

    public static ClientConfig Common(KafkaStreamOptions options) => new(new Dictionary<string, string>(options.ClientSettings))
    {
        BootstrapServers = options.BootstrapServers,
        // librdkafka prints to standard error otherwise.
        LogConnectionClose = false,
    };
}
