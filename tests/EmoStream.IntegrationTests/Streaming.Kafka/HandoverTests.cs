using System.Globalization;
using System.Text;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka;
using EmoStream.Testing;
using EmoStream.Testing.Kafka;
using Microsoft.Extensions.DependencyInjection;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>A partition goes from one living silo to another.</summary>
public sealed class HandoverTests(KafkaFixture kafka)
{
    private const int Streams = 24;

    [Fact, Trait(Conformance.List, Conformance.Ownership)]
    public async Task Handover_SiloJoinsAndLeavesUnderLoad_NothingDoneComesAgain()
    {
        var servers = (await kafka.BrokerAsync()).BootstrapServers;
        var topic = await kafka.CreateTopicAsync(4);
        using var producer = new ProducerBuilder<byte[], byte[]>(
            new ProducerConfig { BootstrapServers = servers, Partitioner = Partitioner.Murmur2Random, LingerMs = 1 }).Build();
        var probe = new Probe();
        var sent = 0;
        using var forced = new CounterProbe("emostream.kafka.handovers", "forced");
        using var clean = new CounterProbe("emostream.kafka.handovers", "clean", and: forced);
        await using var first = await StartAsync(servers, topic, probe, counter: clean, batch: 2);
        Send(1);
        await probe.Until(p => p.Distinct == sent);
        // A committed offset would hide a reader that starts too early: only the end of an owner commits.
        using var sending = new CancellationTokenSource();
        var load = Task.Run(() =>
        {
            while (!sending.IsCancellationRequested)
            {
                Send(1);
            }
        }, TestContext.Current.CancellationToken);
        // Warm: what is delivered first, while the agent still registers the stream, comes again when the silo stops at that moment.
        using var delivered = new CounterProbe("emostream.kafka.events.delivered");
        await using (var second = await StartAsync(servers, topic, probe, first, delivered, batch: 2))
        {
            await delivered.AtLeast(40 * Streams);
            await second.StopAsync();
        }
        var left = probe.Distinct;
        await probe.Until(p => p.Distinct > left + (20 * Streams));
        await sending.CancelAsync();
        await load;
        await probe.Until(p => p.Distinct == sent);

        // A silo that stops may miss the answers to its last calls: what was under way then, a batch of each stream, and nothing that
        // was done before. Without the wait for the former owner it is about twenty of each.
        Assert.InRange(probe.Count - probe.Distinct, 0, 2 * Streams);
        // The first silo took all four partitions, and two of them once more.
        Assert.Equal((6, 0), (clean.Value, forced.Value));

        void Send(int rounds)
        {
            for (var i = 0; i < rounds * Streams; i++)
            {
                var message = new Message<byte[], byte[]>
                {
                    Key = Encoding.UTF8.GetBytes($"s{i % Streams}"),
                    Value = Encoding.UTF8.GetBytes(Interlocked.Increment(ref sent).ToString(CultureInfo.InvariantCulture)),
                };
                producer.Produce(topic, message);
            }
            producer.Flush(Eventually.Timeout);
        }
    }

    [Fact, Trait(Conformance.List, Conformance.Ownership)]
    public async Task Rewind_WhilePartitionsAreHandedOverUnderLoad_AllFromThereAgainInOrder()
    {
        const int partitions = 4;
        var servers = (await kafka.BrokerAsync()).BootstrapServers;
        var topic = await kafka.CreateTopicAsync(partitions);
        using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig { BootstrapServers = servers, EnableIdempotence = true, LingerMs = 1 }).Build();
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var probe = new Probe();
        var sent = 0;
        await using var first = await StartAsync(servers, topic, probe);
        Send(20);
        await probe.Until(p => p.Distinct == sent);
        // No delivery ends any longer: the first silo cannot let go of what is the second one's now.
        probe.Before = (_, _) => release.Task;
        var stuck = probe.Until(p => p.Attempts > p.Deliveries);
        Send(20);
        await stuck;
        using var forced = new CounterProbe("emostream.kafka.handovers", "forced");
        using var clean = new CounterProbe("emostream.kafka.handovers", "clean", and: forced);
        await using var second = await StartAsync(servers, topic, probe, first, clean);
        Assert.All(await RewindAsync(second, 30), from => Assert.Equal(30, from));
        var since = Enumerable.Range(0, Streams).Select(s => probe.ValuesOf($"s{s}").Count).ToList();

        // And once more while they change hands and events come in.
        var load = Task.Run(() => Send(20), TestContext.Current.CancellationToken);
        var rewinds = RewindAsync(first, 12);
        release.SetResult();
        Assert.All(await rewinds, from => Assert.Equal(12, from));
        await load;

        await probe.Until(p => p.Distinct == sent);
        await probe.Until(p => Enumerable.Range(0, Streams).All(s => p.CameAgain($"s{s}", since[s], Offsets(s))));
        await clean.AtLeast(2);
        Assert.Equal((2, 0), (clean.Value, forced.Value));

        // Streams take turns, and so do partitions.
        List<long> Offsets(int stream) =>
            [.. Enumerable.Range(0, sent).Where(i => i % Streams == stream && i / partitions >= 12).Select(i => (long)(i / partitions))];

        Task<long[]> RewindAsync(ProbeHost host, long offset) => Task.WhenAll(Enumerable.Range(0, partitions).Select(partition =>
            host.Services.GetRequiredKeyedService<KafkaRewind>("Kafka").PartitionAsync(partition, offset, TestContext.Current.CancellationToken)));

        void Send(int rounds)
        {
            for (var i = 0; i < rounds * Streams; i++)
            {
                producer.Produce(new TopicPartition(topic, sent % partitions), new()
                {
                    Key = Encoding.UTF8.GetBytes($"s{sent % Streams}"),
                    Value = Encoding.UTF8.GetBytes(sent.ToString(CultureInfo.InvariantCulture)),
                });
                sent++;
            }
            producer.Flush(Eventually.Timeout);
        }
    }

    [Fact, Trait(Conformance.List, Conformance.Ownership)]
    public async Task Handover_FormerOwnerDoesNotLetGo_TakenByForce()
    {
        var servers = (await kafka.BrokerAsync()).BootstrapServers;
        var topic = await kafka.CreateTopicAsync(4);
        using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig { BootstrapServers = servers }).Build();
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var probe = new Probe { Before = (_, _) => release.Task };
        await using var first = await StartAsync(servers, topic, probe);
        for (var partition = 0; partition < 4; partition++)
        {
            await producer.ProduceAsync(
                new TopicPartition(topic, partition),
                new() { Key = Encoding.UTF8.GetBytes($"s{partition}"), Value = "x"u8.ToArray() },
                TestContext.Current.CancellationToken);
        }
        await probe.Until(p => p.Attempts == 4);

        using var forced = new CounterProbe("emostream.kafka.handovers", "forced");
        using var read = new CounterProbe("emostream.kafka.records.read", and: forced);
        await using var second = await ProbeHost.StartAsync(
            servers, topic, probe, options => options.HandoverTimeout = TimeSpan.FromMilliseconds(100), read, first);

        // Two of the four are its own, and their deliveries on the first silo do not end.
        await read.AtLeast(2);
        release.SetResult();
        await probe.Until(p => p.Distinct == 4);
        Assert.Equal(2, forced.Value);
    }

    private static Task<ProbeHost> StartAsync(
        string servers, string topic, Probe probe, ProbeHost? join = null, CounterProbe? counter = null, int? batch = null) => ProbeHost.StartAsync(
            servers,
            topic,
            probe,
            options =>
            {
                options.CommitInterval = TimeSpan.FromMinutes(5);
                options.DeliveryBatch = batch ?? options.DeliveryBatch;
            },
            counter,
            join);
}
