using EmoStream.Streaming.Kafka;
using EmoStream.Streaming.Kafka.Reading;
using EmoStream.Testing.Kafka;
using Microsoft.Extensions.Logging;
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

    [Theory]
    [InlineData("compact", 0)]
    [InlineData("delete", 1)]
    public async Task Start_ParkingTopicThatForgets_SaidOnce(string policy, int lines)
    {
        var broker = await kafka.BrokerAsync();
        var options = new KafkaStreamOptions
        {
            BootstrapServers = broker.BootstrapServers,
            Topic = await kafka.CreateTopicAsync(),
            DeadLetterTopic = await kafka.CreateTopicAsync(),
            ParkingTopic = await kafka.CreateTopicAsync(1, new() { ["cleanup.policy"] = policy }),
        };
        var logs = new Lines();
        using var topics = new KafkaTopics(options, TimeProvider.System, logs);

        Assert.Equal(1, await topics.GetPartitionsAsync(TestContext.Current.CancellationToken));

        Assert.Equal(lines, logs.Written.Count(line => line == $"Topic {options.ParkingTopic} has cleanup.policy delete: it forgets which streams are parked. Set it to compact."));
    }

    private sealed class Lines : ILogger<KafkaTopics>
    {
        public List<string> Written { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Written.Add(formatter(state, exception));
    }
}
