using EmoStream.Streaming.Kafka;
using EmoStream.Streaming.Kafka.Reading;
using EmoStream.Testing.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using ErrorCode = Confluent.Kafka.ErrorCode;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>What a start that waits for Kafka says of the reason.</summary>
public sealed class KafkaTopicsTests(KafkaFixture kafka)
{
    [Fact]
    public async Task Why_AnsweredSinceTheCredentialsWereRefused_TheyAreNotBlamedAnyLonger()
    {
        var broker = await kafka.BrokerAsync();
        var options = new KafkaStreamOptions { BootstrapServers = broker.BootstrapServers, Topic = await kafka.CreateTopicAsync() };
        using var topics = new KafkaTopics(options, TimeProvider.System, NullLogger<KafkaTopics>.Instance);
        topics.Failed(ErrorCode.SaslAuthenticationFailed);
        topics.Failed(ErrorCode.Local_AllBrokersDown);
        Assert.Contains("refuse the credentials", topics.Why(ErrorCode.Local_TimedOut), StringComparison.Ordinal);

        Assert.Equal(1, topics.CountPartitions());

        Assert.Equal("Local_TimedOut", topics.Why(ErrorCode.Local_TimedOut));
    }
}
