using Confluent.Kafka;
using EmoStream.Testing;
using EmoStream.Testing.Kafka;
using Microsoft.Extensions.Time.Testing;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>The promises on a real Apache Kafka, and those that only a real one can test.</summary>
public sealed partial class KafkaBrokerStreamTests(KafkaFixture kafka) : KafkaStreamTests
{
    protected override async Task<string> ServersAsync() => (await kafka.BrokerAsync()).BootstrapServers;

    protected override Task<string> TopicAsync(int partitions) => kafka.CreateTopicAsync(partitions);

    [Fact]
    public async Task Start_TopicsMissing_CreatedWithTheConfiguredPartitions()
    {
        var servers = await ServersAsync();
        var topic = $"test-{Guid.NewGuid():N}";
        await using var host = await HostAsync(servers, topic, configure: o => o.Partitions = 3);
        using var admin = Admin(servers);
        var metadata = admin.GetMetadata(Eventually.Timeout).Topics;
        Assert.Equal(3, metadata.Single(t => t.Topic == topic).Partitions.Count);
        Assert.Equal(3, metadata.Single(t => t.Topic == topic + ".dlq").Partitions.Count);
    }

    [Fact]
    public async Task Commit_PartitionWithoutRecordsForLong_CommittedAgainSoThatKafkaDoesNotForgetIt()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var time = new FakeTimeProvider();
        await using var receiver = new ReceiverRun(servers, topic, AnswersAdminRequests, longPoll: TimeSpan.FromMilliseconds(20), time);
        using var admin = Admin(servers);
        for (var i = 0; i < 2; i++)
        {
            // Each time the reader looks, until it has begun to read.
            await Eventually.TrueAsync(
                async _ =>
                {
                    time.Advance(TimeSpan.FromHours(2));
                    var groups = await admin.ListConsumerGroupOffsetsAsync([new(topic, [new(topic, 0)])]);
                    return groups[0].Partitions[0].Offset == 0;
                },
                () => "offset 0 committed");
            // As the broker does after offsets.retention.minutes.
            await admin.DeleteConsumerGroupOffsetsAsync(topic, [new(topic, 0)]);
        }
    }

    [Fact]
    public async Task Metrics_TransactionalProducer_ItsMarksAreNoLag()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        await using var host = await HostAsync(servers, topic);
        using var meters = new MeterProbe(host.Services);
        using var producer = new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig { BootstrapServers = servers, TransactionalId = topic }).Build();
        producer.InitTransactions(Eventually.Timeout);
        var all = host.Probe.Until(p => p.Count == 2);
        producer.BeginTransaction();
        Send(producer, topic, "s", "one");
        Send(producer, topic, "s", "two");
        producer.CommitTransaction(Eventually.Timeout);
        await all;

        // Two records and the mark behind them.
        await CommittedAsync(servers, topic, 0, 3);
        await Eventually.TrueAsync(() => meters.Observe("emostream.kafka.lag") == 0, () => $"no lag, is {meters.Observe("emostream.kafka.lag")}");
        Assert.Equal(0, meters.Observe("emostream.kafka.watermark.age"));
    }

    [Fact, Trait(Conformance.List, Conformance.Load)]
    public async Task Start_CommittedOffsetWasDeleted_GapCountedAndTheRestDelivered()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        using var producer = Producer(servers);
        for (var i = 0; i < 2; i++)
        {
            Send(producer, topic, "s", "early");
        }
        producer.Flush(Eventually.Timeout);
        await using (var host = await HostAsync(servers, topic))
        {
            await host.Probe.Until(p => p.Count == 2);
            await host.StopAsync();
        }
        await CommittedAsync(servers, topic, 0, 2);
        for (var i = 2; i < 10; i++)
        {
            Send(producer, topic, "s", $"{i}");
        }
        producer.Flush(Eventually.Timeout);
        using var admin = Admin(servers);
        await admin.DeleteRecordsAsync([new TopicPartitionOffset(topic, 0, 7)]);

        using var lost = new CounterProbe("emostream.kafka.records.lost");
        await using var next = await HostAsync(servers, topic, counter: lost);
        await next.Probe.Until(p => p.Count == 3);
        Assert.Equal(["7", "8", "9"], next.Probe.ValuesOf("s"));
        Assert.Equal(5, lost.Value);
    }

    [Fact, Trait(Conformance.List, Conformance.Reads)]
    public async Task Broker_KilledAndRestarted_EveryEventOnceInOrderAndCommitted()
    {
        Assert.SkipUnless(KafkaBroker.Unkillable is null, KafkaBroker.Unkillable ?? "");
        await using var broker = await KafkaBroker.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        var topic = $"test-{Guid.NewGuid():N}";
        await broker.CreateTopicAsync(topic, 1);
        await using var host = await HostAsync(broker.BootstrapServers, topic);
        using var producer = Producer(broker.BootstrapServers);
        for (var i = 0; i < 500; i++)
        {
            Send(producer, topic, $"s{i % 10}", $"{i}");
        }
        await host.Probe.Until(p => p.Count >= 100);
        await broker.KillAsync();
        for (var i = 500; i < 1000; i++)
        {
            Send(producer, topic, $"s{i % 10}", $"{i}");
        }
        await broker.RestartAsync(TestContext.Current.CancellationToken);
        await host.Probe.Until(p => p.Distinct == 1000);
        Assert.Equal(1000, host.Probe.Count);
        for (var s = 0; s < 10; s++)
        {
            Assert.Equal(Enumerable.Range(0, 100).Select(i => $"{(i * 10) + s}"), host.Probe.ValuesOf($"s{s}"));
        }
        await CommittedAsync(broker.BootstrapServers, topic, 0, 1000);
    }

    private static IAdminClient Admin(string servers) =>
        new AdminClientBuilder(new AdminClientConfig { BootstrapServers = servers }).SetLogHandler((_, _) => { }).Build();
}
