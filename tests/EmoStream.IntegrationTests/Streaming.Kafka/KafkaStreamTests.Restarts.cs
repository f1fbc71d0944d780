using System.Globalization;
using Confluent.Kafka;
using EmoStream.Testing;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <content>What is committed, and what another owner of a partition gets.</content>
public abstract partial class KafkaStreamTests
{
    [Fact, Trait(Conformance.List, Conformance.Failures)]
    public async Task Commit_OldestStreamFails_StaysBeforeIt()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var probe = new Probe { Before = (stream, _) => stream == "ill" ? throw new InvalidOperationException("ill") : Task.CompletedTask };
        using var producer = Producer(servers);
        Send(producer, topic, "well", "0");
        Send(producer, topic, "ill", "1");
        Send(producer, topic, "well", "2");
        producer.Flush(Eventually.Timeout);
        await using (var host = await HostAsync(servers, topic, probe))
        {
            await probe.Until(p => p.ValuesOf("well").Count == 2 && p.Attempts > 3);
            await host.StopAsync();
        }
        await CommittedAsync(servers, topic, 0, 1);

        // The next owner gets what was not taken, and what lies behind it.
        await using var next = await HostAsync(servers, topic);
        await next.Probe.Until(p => p.Count == 2);
        Assert.Equal(["1"], next.Probe.ValuesOf("ill"));
        Assert.Equal(["2"], next.Probe.ValuesOf("well"));
    }

    [Fact, Trait(Conformance.List, Conformance.Reads)]
    public async Task Restart_StoppedDuringADeliveryThatSucceeds_CommittedAtTheEndAndNothingAgain()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        using var producer = Producer(servers);
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var first = new Probe();
        await using (var host = await HostAsync(servers, topic, first))
        {
            await WarmAsync(producer, servers, topic, first, "s0", "s1", "s2", "s3", "s4");
            first.Before = (_, _) => release.Task;
            for (var i = 5; i < 10; i++)
            {
                Send(producer, topic, $"s{i - 5}", i.ToString(CultureInfo.InvariantCulture));
            }
            // Stopped while every delivery is under way: the stop lets them end and commits them.
            await first.Until(p => p.Attempts == 10);
            var stopped = host.StopAsync();
            release.SetResult();
            await stopped;
        }
        Assert.Equal(10, first.Count);
        await CommittedAsync(servers, topic, 0, 10);

        await using var next = await HostAsync(servers, topic);
        var arrived = next.Probe.Until(p => p.Taken.ContainsKey("marker"));
        Send(producer, topic, "marker", "10");
        producer.Flush(Eventually.Timeout);
        await arrived;
        Assert.Equal(1, next.Probe.Count);
        await CommittedAsync(servers, topic, 0, 11);
    }

    [Fact, Trait(Conformance.List, Conformance.Failures)]
    public async Task Restart_StoppedDuringADeliveryThatFails_NotCommittedAndAgain()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        using var producer = Producer(servers);
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var first = new Probe();
        await using (var host = await HostAsync(servers, topic, first))
        {
            await WarmAsync(producer, servers, topic, first, "well", "ill");
            first.Before = async (stream, _) =>
            {
                await release.Task;
                if (stream == "ill")
                {
                    throw new InvalidOperationException("ill");
                }
            };
            Send(producer, topic, "well", "2");
            Send(producer, topic, "ill", "3");
            await first.Until(p => p.Attempts == 4);
            var stopped = host.StopAsync();
            release.SetResult();
            await stopped;
        }
        Assert.Equal(["warm", "2"], first.ValuesOf("well"));
        Assert.Equal(["warm"], first.ValuesOf("ill"));
        await CommittedAsync(servers, topic, 0, 3);

        await using var next = await HostAsync(servers, topic);
        await next.Probe.Until(p => p.ValuesOf("ill").Count == 1);
        Assert.Equal(1, next.Probe.Count);
        await CommittedAsync(servers, topic, 0, 4);
    }

    [Fact, Trait(Conformance.List, Conformance.Failures)]
    public async Task Restart_AfterUngracefulStop_EveryEventAtLeastOnce()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(2));
        using var producer = Producer(servers);
        var first = new Probe();
        var half = first.Until(p => p.Count >= 300);
        await using (var host = await HostAsync(servers, topic, first))
        {
            for (var i = 0; i < 1000; i++)
            {
                Send(producer, topic, $"s{i % 20}", i.ToString(CultureInfo.InvariantCulture), anyPartition: true);
            }
            producer.Flush(Eventually.Timeout);
            await half;
            await host.KillAsync();
        }
        var second = new Probe();
        await using var next = await HostAsync(servers, topic, second);
        await second.Until(p => Union(first, p).Count == 1000);
        // And in order: what the second life brings again is a suffix of every stream.
        Assert.All(second.Taken.Keys, s => Assert.Equal(second.ValuesOf(s).OrderBy(v => int.Parse(v, CultureInfo.InvariantCulture)), second.ValuesOf(s)));
    }

    [Fact, Trait(Conformance.List, Conformance.Ownership)]
    public async Task Cluster_SecondSiloJoinsAndLeaves_RemoteGrainsServedAndNothingLost()
    {
        const int streams = 40;
        var (servers, topic) = (await ServersAsync(), await TopicAsync(4));
        var probe = new Probe();
        using var producer = Producer(servers);
        await using var first = await HostAsync(servers, topic, probe);
        await using (var second = await HostAsync(servers, topic, probe, join: first))
        {
            for (var i = 0; i < 400; i++)
            {
                Send(producer, topic, $"s{i % streams}", i.ToString(CultureInfo.InvariantCulture), anyPartition: true);
            }
            producer.Flush(Eventually.Timeout);
            await probe.Until(p => p.Distinct == 400);
            // Partitions and grains are spread independently, so batches crossed from silo to silo, serialised.
            Assert.Equal(2, probe.SiloOf.Values.Distinct().Count());
            await second.StopAsync();
        }
        for (var i = 400; i < 800; i++)
        {
            Send(producer, topic, $"s{i % streams}", i.ToString(CultureInfo.InvariantCulture), anyPartition: true);
        }
        producer.Flush(Eventually.Timeout);
        await probe.Until(p => p.Distinct == 800);
        for (var s = 0; s < streams; s++)
        {
            // A hand-over may bring a batch again, never an event out of order for the first time.
            var values = probe.ValuesOf($"s{s}").Select(v => int.Parse(v, CultureInfo.InvariantCulture)).Distinct().ToList();
            Assert.Equal(values.Order(), values);
            Assert.Equal(20, values.Count);
        }
    }

    /// <summary>
    /// One event for each stream, taken and committed. What is delivered first, while the agent still registers the stream,
    /// comes again when the silo stops at that moment: allowed, but not what these tests are about.
    /// </summary>
    private static async Task WarmAsync(IProducer<byte[]?, byte[]?> producer, string servers, string topic, Probe probe, params string[] streams)
    {
        foreach (var stream in streams)
        {
            var taken = probe.Until(p => p.ValuesOf(stream).Count == 1);
            Send(producer, topic, stream, "warm");
            await taken;
        }
        await CommittedAsync(servers, topic, 0, streams.Length);
    }

    private static HashSet<string> Union(Probe a, Probe b) =>
        [.. a.Taken.Keys.SelectMany(a.ValuesOf), .. b.Taken.Keys.SelectMany(b.ValuesOf)];
}
