using EmoStream.Testing.Kafka;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>The promises on a real Apache Kafka, and those that only a real one can test.</summary>
public sealed class KafkaBrokerStreamTests(KafkaFixture kafka) : KafkaStreamTests
{
    protected override async Task<string> ServersAsync() => (await kafka.BrokerAsync()).BootstrapServers;

    protected override Task<string> TopicAsync(int partitions) => kafka.CreateTopicAsync(partitions);
}
