using Confluent.Kafka;
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

    private static async Task ProduceAsync(string address, string topic, string value)
    {
        using var producer = new ProducerBuilder<Null, string>(new ProducerConfig { BootstrapServers = address, Acks = Acks.All }).Build();
        await producer.ProduceAsync(topic, new Message<Null, string> { Value = value }, TestContext.Current.CancellationToken);
    }

    private static List<string> Read(string address, string topic, int count)
    {
        using var consumer = new ConsumerBuilder<Null, string>(new ConsumerConfig { BootstrapServers = address, GroupId = "reader" }).Build();
        consumer.Assign(new TopicPartitionOffset(topic, 0, Offset.Beginning));
        return [.. Enumerable.Range(0, count).Select(_ => consumer.Consume(TestContext.Current.CancellationToken).Message.Value)];
    }
}
