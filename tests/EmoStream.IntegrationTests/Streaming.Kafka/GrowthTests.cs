using System.Text;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using EmoStream.Testing.Kafka;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>Partitions that are added to a topic while silos read it.</summary>
public sealed class GrowthTests(KafkaFixture kafka)
{
    [Fact, Trait(Conformance.List, Conformance.Mapping)]
    public async Task Grow_TopicOfARunningSilo_NewPartitionsAreReadWithoutARestart()
    {
        var servers = (await kafka.BrokerAsync()).BootstrapServers;
        var topic = await kafka.CreateTopicAsync(1);
        await using var host = await ProbeHost.StartAsync(servers, topic, configure: options => options.TopicCheckInterval = TimeSpan.FromMilliseconds(100));
        await SendAsync(servers, topic, partition: 0);
        await host.Probe.Until(probe => probe.Count == 1);
        using (var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = servers }).Build())
        {
            await admin.CreatePartitionsAsync([new PartitionsSpecification { Topic = topic, IncreaseTo = 3 }]);
        }

        await SendAsync(servers, topic, partition: 0);
        await SendAsync(servers, topic, partition: 1);
        await SendAsync(servers, topic, partition: 2);

        await host.Probe.Until(probe => probe.Count == 4);
        Assert.Equal(3, host.Probe.Sources.Count);
    }

    /// <summary>By a producer of its own: one that knew the topic before needs minutes to see that it has grown.</summary>
    private static async Task SendAsync(string servers, string topic, int partition)
    {
        using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig { BootstrapServers = servers }).Build();
        await producer.ProduceAsync(
            new TopicPartition(topic, partition),
            new() { Key = Encoding.UTF8.GetBytes($"s{partition}"), Value = "x"u8.ToArray() },
            TestContext.Current.CancellationToken);
    }
}
