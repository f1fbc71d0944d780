using Confluent.Kafka;

namespace EmoStream.Testing.Kafka;

/// <summary>How far a consumer group is, by the offsets it has committed: what counts as durably taken.</summary>
public sealed class KafkaProgress : IDisposable
{
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(5);

    private readonly IConsumer<Ignore, Ignore> _consumer;
    private readonly TopicPartition[] _partitions;

    /// <summary>Watches a topic with this many partitions; joins no group.</summary>
    public KafkaProgress(string bootstrapServers, string group, string topic, int partitions)
    {
        _consumer = new ConsumerBuilder<Ignore, Ignore>(new ConsumerConfig { BootstrapServers = bootstrapServers, GroupId = group })
            .SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
        _partitions = [.. Enumerable.Range(0, partitions).Select(partition => new TopicPartition(topic, partition))];
    }

    /// <summary>Records that are in the topic, and how many of them the group has committed.</summary>
    public Task<(long Produced, long Committed)> ReadAsync() => Task.Run(() =>
    {
        var committed = _consumer.Committed(_partitions, RequestTimeout).Sum(position => Math.Max(0, position.Offset.Value));
        return (_partitions.Sum(partition => _consumer.QueryWatermarkOffsets(partition, RequestTimeout).High.Value), committed);
    });

    /// <inheritdoc />
    public void Dispose() => _consumer.Dispose();
}
