using Confluent.Kafka;
using EmoStream.Streaming.Kafka.Cache;
using EmoStream.Streaming.Kafka.DeadLetters;
using EmoStream.Streaming.Kafka.Ownership;
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

    /// <summary>Where positions lie with the effects; null: in Kafka.</summary>
    public KafkaPositionStore? Positions { get; init; }

    /// <summary>Who reads which partition; null where there is nobody else (a client reads none).</summary>
    public PartitionHolders? Holders { get; init; }

    /// <summary>Who reads here; null where nobody does.</summary>
    public PullingAgents? Agents { get; init; }

    public DeliveryHealth Health { get; } = new();

    /// <summary>
    /// Manual assignment under a group id that is used for committed offsets alone: Orleans decides who owns a partition.
    /// Out-of-range offsets are an error here, because librdkafka would jump silently.
    /// </summary>
    public static ConsumerConfig ConsumerConfig(KafkaStreamOptions options) => new(Common(options))
    {
        GroupId = options.GroupId,
        EnableAutoCommit = true,
        // Nobody joins the group; so long a commit waits for its coordinator, which a broker that has just started may not have yet.
        SessionTimeoutMs = 6_000,
        AutoCommitIntervalMs = (int)options.CommitInterval.TotalMilliseconds,
        EnableAutoOffsetStore = false,
        AutoOffsetReset = AutoOffsetReset.Error,
        // Behind the last record there may be marks of transactions, which are no records: at the end they count as read.
        EnablePartitionEof = true,
        AllowAutoCreateTopics = false,
        // Only a guard against nonsense, and a record larger than it would stop its partition for ever: the topic decides how
        // large a record may be. A response is as large as its first record or fetch.max.bytes, whatever stands here.
        ReceiveMessageMaxBytes = int.MaxValue,
        FetchMaxBytes = 4 * 1024 * 1024,
        MaxPartitionFetchBytes = 1024 * 1024,
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
        // The broker decides what is too large, per topic; librdkafka must not decide before it. Not more than this: above
        // its socket.request.max.bytes (100 MiB by default) a broker drops the connection instead of answering.
        MessageMaxBytes = 100_000_000,
        MessageTimeoutMs = 30_000,
        LingerMs = 1,
    };

    /// <summary>Settings that librdkafka takes for no client should fail the start, not the first dead letter.</summary>
    /// <exception cref="OrleansConfigurationException">It says what is wrong with them.</exception>
    public static void RequireClients(string name, KafkaStreamOptions options)
    {
        try
        {
            new ConsumerBuilder<byte[]?, byte[]?>(ConsumerConfig(options)).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build().Dispose();
            new ProducerBuilder<byte[]?, byte[]?>(ProducerConfig(options)).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build().Dispose();
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            throw new OrleansConfigurationException($"The Kafka stream provider {name} cannot use its {nameof(KafkaStreamOptions.ClientSettings)}: {e.Message}", e);
        }
    }

    public static ClientConfig Common(KafkaStreamOptions options)
    {
        var config = new ClientConfig(new Dictionary<string, string>(options.ClientSettings))
        {
            BootstrapServers = options.BootstrapServers,
            // librdkafka prints to standard error otherwise.
            LogConnectionClose = false,
        };
        if (config.ReconnectBackoffMs is null)
        {
            // As long as Java's client waits: librdkafka's ten seconds can be longer than the broker was away.
            config.ReconnectBackoffMaxMs ??= 1000;
        }
        return config;
    }
}
