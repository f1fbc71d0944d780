using Confluent.Kafka;
using EmoStream.Testing;
using EmoStream.Testing.Kafka;

namespace EmoStream.IntegrationTests.Testing;

/// <summary>The broker fixture keeps its promises: what was acknowledged survives kill -9, topics are separate.</summary>
public sealed class KafkaBrokerTests(KafkaFixture kafka)
{
    [Fact]
    public async Task RestartAsync_AfterKill_KeepsAcknowledgedRecords()
    {
        Assert.SkipUnless(KafkaBroker.Unkillable is null, KafkaBroker.Unkillable ?? "");
        await using var broker = await KafkaBroker.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        await broker.CreateTopicAsync("kept", 1);
        var address = broker.BootstrapServers;
        await ProduceAsync(address, "kept", "before");

        await broker.KillAsync();
        await broker.RestartAsync(TestContext.Current.CancellationToken);
        await ProduceAsync(address, "kept", "after");

        Assert.Equal(address, broker.BootstrapServers);
        Assert.Equal(["before", "after"], Read(address, "kept", 2));
    }

    [Fact]
    public async Task CreateTopicAsync_Twice_GivesSeparateTopics()
    {
        var first = await kafka.CreateTopicAsync();
        var second = await kafka.CreateTopicAsync(partitions: 3);
        var address = (await kafka.BrokerAsync()).BootstrapServers;
        await ProduceAsync(address, first, "one");
        await ProduceAsync(address, second, "two");

        Assert.Equal(["one"], Read(address, first, 1));
    }

    [Fact]
    public async Task CreateTopicAsync_RecordsWithOldTimestamps_AreKept()
    {
        Assert.SkipUnless(KafkaBroker.Unkillable is null, KafkaBroker.Unkillable ?? "");
        await using var broker = await KafkaBroker.StartAsync(
            "log.initial.task.delay.ms=100\nlog.retention.check.interval.ms=100", cancellationToken: TestContext.Current.CancellationToken);
        var address = broker.BootstrapServers;
        // The broker looks at both in one round; that it has looked shows in the topic that keeps seven days.
        await broker.CreateTopicAsync("kept", 1);
        await broker.CreateTopicAsync("ordinary", 1, new() { ["retention.ms"] = "604800000" });
        await ProduceAsync(address, "kept", "old", new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        await ProduceAsync(address, "ordinary", "old", new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));

        await Eventually.TrueAsync(() => Earliest(address, "ordinary") == 1, () => "the ordinary topic has lost its record");

        Assert.Equal(0, Earliest(address, "kept"));
        Assert.Equal(["old"], Read(address, "kept", 1));
    }

    private static async Task ProduceAsync(string address, string topic, string value, DateTime? timestamp = null)
    {
        using var producer = new ProducerBuilder<Null, string>(new ProducerConfig { BootstrapServers = address, Acks = Acks.All }).Build();
        await producer.ProduceAsync(
            topic,
            new Message<Null, string> { Value = value, Timestamp = timestamp is { } time ? new(time) : Timestamp.Default },
            TestContext.Current.CancellationToken);
    }

    private static long Earliest(string address, string topic)
    {
        using var consumer = new ConsumerBuilder<Null, string>(new ConsumerConfig { BootstrapServers = address, GroupId = "reader" }).Build();
        return consumer.QueryWatermarkOffsets(new(topic, 0), Eventually.Timeout).Low.Value;
    }

    private static List<string> Read(string address, string topic, int count)
    {
        using var consumer = new ConsumerBuilder<Null, string>(new ConsumerConfig { BootstrapServers = address, GroupId = "reader" }).Build();
        consumer.Assign(new TopicPartitionOffset(topic, 0, Offset.Beginning));
        return [.. Enumerable.Range(0, count).Select(_ => consumer.Consume(TestContext.Current.CancellationToken).Message.Value)];
    }
}
