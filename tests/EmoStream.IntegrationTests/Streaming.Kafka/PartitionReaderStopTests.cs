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

/// <summary>How a reader ends when something that it needs takes nothing, or is no longer there.</summary>
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
        await using var provider = new Provider(options);
        var context = provider.Context;
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

    /// <summary>A host that is disposed of without a stop, or whose stop took too long, has agents that never shut their receivers down.</summary>
    [Fact]
    public async Task Dispose_ReceiverNotShutDown_ReaderEnds()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "looks for the thread in /proc");
        var broker = await kafka.BrokerAsync();
        var topic = await kafka.CreateTopicAsync();
        await using var provider = new Provider(new() { BootstrapServers = broker.BootstrapServers, Topic = topic, DeadLetterTopic = topic + ".dlq", GroupId = topic });
        var adapter = provider.Adapter;
        var queue = Assert.Single(new KafkaQueueMapper("Kafka", 1).GetAllQueues());
        adapter.CreateQueueCache(queue);
        var receiver = adapter.CreateReceiver(queue);
        await receiver.Initialize(Eventually.Timeout, TestContext.Current.CancellationToken);
        using var producer = new ProducerBuilder<string, string>(new ProducerConfig { BootstrapServers = broker.BootstrapServers }).Build();
        await producer.ProduceAsync(new TopicPartition(topic, 0), new() { Key = "s", Value = "good" }, TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(async cancel => (await receiver.GetQueueMessagesAsync(1, cancel)).Count == 1, () => "the record is read");
        Assert.True(Reads(), "the thread has another name");

        provider.DisposeAdapter();

        await Eventually.TrueAsync(() => !Reads(), () => "the thread ends");

        // The system keeps 15 bytes of a thread's name: with them, four hexadecimal digits of the topic's.
        bool Reads() => Directory.EnumerateDirectories("/proc/self/task").Any(task => NameOf(task) == $"kafka {topic}"[..15]);

        static string NameOf(string task)
        {
            try
            {
                return File.ReadAllText(Path.Combine(task, "comm")).TrimEnd('\n');
            }
            catch (IOException)
            {
                return ""; // it has ended
            }
        }
    }

    /// <summary>What a silo's services would give a provider.</summary>
    private sealed class Provider : IAsyncDisposable
    {
        private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().AddSingleton<StreamingKafkaMetrics>().BuildServiceProvider();
        private bool _isDisposed;

        public Provider(KafkaStreamOptions options)
        {
            var metrics = _services.GetRequiredService<StreamingKafkaMetrics>();
            options.RetryDelays.Clear(); // nothing is parked
            Context = new("Kafka", options, new ProbeAdapter(), metrics, TimeProvider.System, NullLoggerFactory.Instance)
            {
                DeadLetters = new(options, metrics, TimeProvider.System, NullLogger<DeadLetterWriter>.Instance),
                Topics = new(options, TimeProvider.System, NullLogger<KafkaTopics>.Instance),
            };
            Adapter = new(Context);
        }

        internal KafkaStreamContext Context { get; }

        internal KafkaAdapter Adapter { get; }

        /// <summary>Also of what the context holds.</summary>
        public void DisposeAdapter()
        {
            if (!_isDisposed)
            {
                _isDisposed = true;
                Adapter.Dispose();
            }
        }

        public ValueTask DisposeAsync()
        {
            DisposeAdapter();
            return _services.DisposeAsync();
        }
    }
}
