using Confluent.Kafka;
using EmoStream.Cli.Up;

namespace EmoStream.Tests.Cli.Up;

public sealed class EmbeddedKafkaTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    [Fact]
    public void CreateTopic_SeveralPartitions_MetadataShowsThem()
    {
        using var kafka = EmbeddedKafka.Start();
        kafka.CreateTopic("meetings", 4);

        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = kafka.BootstrapServers }).Build();
        var topic = Assert.Single(admin.GetMetadata("meetings", Timeout).Topics);

        Assert.Equal(4, topic.Partitions.Count);
        Assert.False(topic.Error.IsError);
    }

    [Fact]
    public void CreateTopic_Twice_Throws()
    {
        using var kafka = EmbeddedKafka.Start();
        kafka.CreateTopic("meetings", 1);

        Assert.Throws<InvalidOperationException>(() => kafka.CreateTopic("meetings", 1));
    }

    [Fact]
    public async Task Produce_ThenConsumeAssigned_GivesRecordsInOrderWithHeadersAndCommitsOffsets()
    {
        using var kafka = EmbeddedKafka.Start();
        kafka.CreateTopic("meetings", 2);
        using var producer = new ProducerBuilder<string, string>(new ProducerConfig
        {
            BootstrapServers = kafka.BootstrapServers,
            EnableIdempotence = true,
        }).Build();
        for (var i = 0; i < 10; i++)
        {
            await producer.ProduceAsync(
                new TopicPartition("meetings", 1),
                new Message<string, string> { Key = "c", Value = $"v{i}", Headers = new Headers { { "n", [(byte)i] } } },
                TestContext.Current.CancellationToken);
        }

        using var consumer = new ConsumerBuilder<string, string>(new ConsumerConfig
        {
            BootstrapServers = kafka.BootstrapServers,
            GroupId = "g",
            EnableAutoCommit = false,
        }).Build();
        var partition = new TopicPartition("meetings", 1);
        consumer.Assign(new TopicPartitionOffset(partition, Offset.Beginning));
        for (var i = 0; i < 10; i++)
        {
            var record = consumer.Consume(Timeout);
            Assert.NotNull(record);
            Assert.Equal($"v{i}", record.Message.Value);
            Assert.Equal([(byte)i], record.Message.Headers.GetLastBytes("n"));
        }

        consumer.Commit([new TopicPartitionOffset(partition, 7)]);
        Assert.Equal(7, Assert.Single(consumer.Committed([partition], Timeout)).Offset.Value);
    }

    [Fact]
    public void Dispose_Twice_IsHarmlessAndAnotherBrokerStarts()
    {
        var first = EmbeddedKafka.Start();
        first.Dispose();
        first.Dispose();

        using var second = EmbeddedKafka.Start(brokers: 3);
        Assert.Equal(3, second.BootstrapServers.Split(',').Length);
    }
}
