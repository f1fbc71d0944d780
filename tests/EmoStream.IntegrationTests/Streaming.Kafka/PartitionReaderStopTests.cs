using System.Threading.Channels;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka;
using EmoStream.Streaming.Kafka.DeadLetters;
using EmoStream.Streaming.Kafka.Reading;
using EmoStream.Testing;
using EmoStream.Testing.Kafka;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans.Streams;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>How a reader ends when the dead-letter topic takes nothing.</summary>
public sealed class PartitionReaderStopTests(KafkaFixture kafka)
{
    [Fact, Trait(Conformance.List, Conformance.Reads)]
    public async Task StopAsync_DeadLettersNotAcknowledged_CommittedAndClosedAllTheSame()
    {
        var broker = await kafka.BrokerAsync();
        var topic = await kafka.CreateTopicAsync();
        await broker.CreateTopicAsync(topic + ".dlq", 1, new() { ["max.message.bytes"] = "50" });
        var options = new KafkaStreamOptions
        {
            BootstrapServers = broker.BootstrapServers,
            Topic = topic,
            DeadLetterTopic = topic + ".dlq",
            GroupId = topic,
            // Nothing but the stop commits.
            CommitInterval = TimeSpan.FromMinutes(10),
        };
        using var services = new ServiceCollection().AddMetrics().AddSingleton<StreamingKafkaMetrics>().BuildServiceProvider();
        var metrics = services.GetRequiredService<StreamingKafkaMetrics>();
        using var deadLetters = new DeadLetterWriter(options, metrics, TimeProvider.System, NullLogger<DeadLetterWriter>.Instance);
        using var topics = new KafkaTopics(options, TimeProvider.System, NullLogger<KafkaTopics>.Instance);
        var context = new KafkaStreamContext("Kafka", options, new ProbeAdapter(), metrics, TimeProvider.System, NullLoggerFactory.Instance)
        {
            DeadLetters = deadLetters,
            Topics = topics,
        };
        var tracker = new OffsetTracker(100, 100_000);
        var channel = Channel.CreateUnbounded<IBatchContainer>();
        var reader = new PartitionReader(context, 0, tracker, channel.Writer);
        reader.Start();
        using var producer = new ProducerBuilder<string, string>(new ProducerConfig { BootstrapServers = broker.BootstrapServers }).Build();
        await producer.ProduceAsync(new TopicPartition(topic, 0), new() { Key = "s", Value = "good" }, TestContext.Current.CancellationToken);
        await producer.ProduceAsync(new TopicPartition(topic, 0), new() { Key = "s", Value = "bad:" }, TestContext.Current.CancellationToken);
        tracker.Complete((PendingOffset)await channel.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Eventually.Timeout, TestContext.Current.CancellationToken));
        await Eventually.TrueAsync(() => reader.DeadLettersPending == 1, () => $"{reader.DeadLettersPending} dead letters pending");

        await reader.StopAsync(TimeSpan.FromSeconds(4));

        Assert.True(channel.Reader.Completion.IsCompleted, "the client is still closing");
        Assert.Equal(1, tracker.Watermark);
        using var consumer = new ConsumerBuilder<string, string>(
            new ConsumerConfig { BootstrapServers = broker.BootstrapServers, GroupId = topic, EnableAutoCommit = false }).Build();
        Assert.Equal(1, consumer.Committed([new TopicPartition(topic, 0)], TimeSpan.FromSeconds(10))[0].Offset.Value);
    }
}
