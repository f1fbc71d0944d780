using Confluent.Kafka;
using EmoStream.Testing;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>The promises on librdkafka's in-process cluster, which has no admin requests but metadata.</summary>
public sealed class MockClusterStreamTests : KafkaStreamTests, IDisposable
{
    private readonly IProducer<byte[], byte[]> _cluster = new ProducerBuilder<byte[], byte[]>(
        new ProducerConfig(new Dictionary<string, string> { ["test.mock.num.brokers"] = "1", ["bootstrap.servers"] = "mock" }))
        .SetLogHandler((_, _) => { }).Build();

    protected override bool AnswersAdminRequests => false;

    public void Dispose() => _cluster.Dispose();

    protected override Task<string> ServersAsync()
    {
        using var admin = new DependentAdminClientBuilder(_cluster.Handle).Build();
        var brokers = admin.GetMetadata(Eventually.Timeout).Brokers;
        return Task.FromResult(string.Join(',', brokers.Select(b => $"{b.Host}:{b.Port}")));
    }

    /// <summary>The mock makes every topic with four partitions when somebody asks for it.</summary>
    protected override async Task<string> TopicAsync(int partitions)
    {
        var name = $"test-{Guid.NewGuid():N}";
        using var admin = new DependentAdminClientBuilder(_cluster.Handle).Build();
        foreach (var topic in new[] { name, name + ".dlq" })
        {
            await Eventually.TrueAsync(
                () => admin.GetMetadata(topic, Eventually.Timeout).Topics[0] is { Error.IsError: false, Partitions.Count: > 0 }, () => topic);
        }
        return name;
    }
}
