using System.Globalization;
using System.Text;
using Confluent.Kafka;
using EmoStream.Testing;
using EmoStream.Testing.Kafka;

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
        await using var first = await StartAsync(servers, topic, probe, counter: clean);
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
        await using (var second = await StartAsync(servers, topic, probe, first, delivered))
        {
            await delivered.AtLeast(40 * Streams);
            await second.StopAsync();
        }
        var left = probe.Distinct;
        await probe.Until(p => p.Distinct > left + (20 * Streams));
        await sending.CancelAsync();
        await load;
        await probe.Until(p => p.Distinct == sent);

        // A silo that stops may miss the answers to its last calls: what was under way then, an event or two of each stream, and
        // nothing that was done before. Without the wait for the former owner it is about twenty of each.
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

    private static Task<ProbeHost> StartAsync(string servers, string topic, Probe probe, ProbeHost? join = null, CounterProbe? counter = null) => ProbeHost.StartAsync(
        servers, topic, probe, options => options.CommitInterval = TimeSpan.FromMinutes(5), counter, join);
}
