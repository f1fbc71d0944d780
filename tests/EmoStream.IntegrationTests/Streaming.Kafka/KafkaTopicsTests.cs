using Confluent.Kafka;
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

    [Fact]
    public async Task Start_TopicsMissingThatNobodyMakes_SaidOneByOne()
    {
        Assert.SkipUnless(KafkaBroker.Unkillable is null, KafkaBroker.Unkillable ?? "");
        await using var broker = await KafkaBroker.StartAsync("auto.create.topics.enable=false", cancellationToken: TestContext.Current.CancellationToken);
        var options = Options(broker);
        await broker.CreateTopicAsync(options.Topic, 3);

        Assert.Equal(
            $"Kafka topic {options.DeadLetterTopic} is not available at {options.BootstrapServers} after 00:00:02: the topic does not exist, and CreateTopics is false. "
            + "Create it, or name another one in KafkaStreamOptions.DeadLetterTopic.",
            await FailureAsync());
        options.CreateTopics = true;
        options.ReplicationFactor = 3; // of a single broker
        Assert.Contains("creating it failed with InvalidReplicationFactor", await FailureAsync(), StringComparison.Ordinal);
        options.CreateTopics = false;
        await broker.CreateTopicAsync(options.DeadLetterTopic, 1);
        var failure = await FailureAsync();
        Assert.StartsWith($"Kafka topic {options.ParkingTopic} ", failure, StringComparison.Ordinal);
        Assert.EndsWith("KafkaStreamOptions.ParkingTopic.", failure, StringComparison.Ordinal);
        // Where nothing is ever given up, nothing is parked.
        options.RetryDelays.Clear();
        using var topics = new KafkaTopics(options, TimeProvider.System, NullLogger<KafkaTopics>.Instance);
        Assert.Equal(3, await topics.GetPartitionsAsync(TestContext.Current.CancellationToken));

        async Task<string> FailureAsync()
        {
            using var failing = new KafkaTopics(options, TimeProvider.System, NullLogger<KafkaTopics>.Instance);
            return (await Assert.ThrowsAsync<TimeoutException>(() => failing.GetPartitionsAsync(TestContext.Current.CancellationToken))).Message;
        }
    }

    [Fact]
    public async Task Start_TopicsMissingThatTheBrokerMakes_TheyAreThere()
    {
        Assert.SkipUnless(KafkaBroker.Unkillable is null, KafkaBroker.Unkillable ?? "");
        var broker = await kafka.BrokerAsync();
        var options = Options(broker);
        options.StartTimeout = EmoStream.Testing.Eventually.Timeout;
        await broker.CreateTopicAsync(options.Topic, 3);
        using var topics = new KafkaTopics(options, TimeProvider.System, NullLogger<KafkaTopics>.Instance);

        Assert.Equal(3, await topics.GetPartitionsAsync(TestContext.Current.CancellationToken));

        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = broker.BootstrapServers }).Build();
        var there = admin.GetMetadata(EmoStream.Testing.Eventually.Timeout).Topics.Select(found => found.Topic).ToList();
        Assert.Contains(options.DeadLetterTopic, there);
        Assert.Contains(options.ParkingTopic, there);
    }

    private static KafkaStreamOptions Options(KafkaBroker broker)
    {
        var topic = $"test-{Guid.NewGuid():N}";
        return new()
        {
            BootstrapServers = broker.BootstrapServers,
            Topic = topic,
            DeadLetterTopic = topic + ".dlq",
            ParkingTopic = topic + ".parked",
            CreateTopics = false,
            StartTimeout = TimeSpan.FromSeconds(2),
        };
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
