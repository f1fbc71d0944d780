using Confluent.Kafka;

namespace EmoStream.Client.Produce;

/// <summary>Options to librdkafka settings.</summary>
internal static class ProducerSettings
{
    public static ProducerConfig From(UtteranceProducerOptions options)
    {
        var config = new ProducerConfig();
        foreach (var (name, value) in options.Kafka)
        {
            config.Set(name, value);
        }

        if (config.ReconnectBackoffMs is null)
        {
            // As long as Java's client waits: librdkafka's ten seconds can be longer than the broker was away.
            config.ReconnectBackoffMaxMs ??= 1000;
        }

        // Set last: exactly-once and the order of a conversation rest on these.
        config.BootstrapServers = options.BootstrapServers;
        config.EnableIdempotence = true;
        config.Acks = Acks.All;
        // The default partitioner of librdkafka differs from Java's; every client must map a key to the same partition.
        config.Partitioner = Partitioner.Murmur2Random;
        config.LingerMs = options.Linger.TotalMilliseconds;
        config.MessageTimeoutMs = (int)options.DeliveryTimeout.TotalMilliseconds;
        config.MessageMaxBytes = options.MaxRecordBytes + RecordOverhead;
        config.QueueBufferingMaxKbytes = options.BufferKilobytes;
        return config;
    }

    /// <summary>Key, headers and framing count towards message.max.bytes.</summary>
    private const int RecordOverhead = 4_096;
}
