using System.Globalization;
using Confluent.Kafka;
using EmoStream.Testing;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <content>From the topic to the grains, and from a stream to the topic.</content>
public abstract partial class KafkaStreamTests
{
    [Fact, Trait(Conformance.List, Conformance.Mapping)]
    public async Task Delivery_ManyStreams_EveryEventOnceAndInOrder()
    {
        const int streams = 50;
        const int perStream = 40;
        var (servers, topic) = (await ServersAsync(), await TopicAsync(4));
        await using var host = await HostAsync(servers, topic);

        var done = host.Probe.Until(p => p.Count >= streams * perStream);
        using var producer = Producer(servers);
        for (var i = 0; i < perStream; i++)
        {
            for (var s = 0; s < streams; s++)
            {
                Send(producer, topic, $"s{s}", i.ToString(CultureInfo.InvariantCulture), anyPartition: true);
            }
        }
        producer.Flush(Eventually.Timeout);
        await done;

        Assert.Equal(streams, host.Probe.Taken.Count);
        Assert.Equal(streams * perStream, host.Probe.Count);
        var expected = Enumerable.Range(0, perStream).Select(i => i.ToString(CultureInfo.InvariantCulture));
        Assert.All(host.Probe.Taken.Keys, stream => Assert.Equal(expected, host.Probe.ValuesOf(stream)));
    }

    [Fact]
    public async Task Delivery_GrainThrowsThreeTimes_RedeliveredWhileOthersOfThePartitionGoOn()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var failures = 0;
        var healthy = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var probe = new Probe();
        probe.Before = async (stream, _) =>
        {
            if (stream == "ill" && Interlocked.Increment(ref failures) <= 3)
            {
                // The ill stream stays ill until the healthy one behind it has everything.
                await healthy.Task;
                throw new InvalidOperationException("ill");
            }
        };
        await using var host = await HostAsync(servers, topic, probe);
        using var producer = Producer(servers);
        Send(producer, topic, "ill", "first");
        for (var i = 0; i < 20; i++)
        {
            Send(producer, topic, "well", i.ToString(CultureInfo.InvariantCulture));
        }
        producer.Flush(Eventually.Timeout);

        await probe.Until(p => p.ValuesOf("well").Count == 20);
        Assert.Empty(probe.ValuesOf("ill"));
        Send(producer, topic, "ill", "second");
        var recovered = probe.Until(p => p.ValuesOf("ill").Count == 2);
        healthy.SetResult();
        await recovered;

        Assert.Equal(["first", "second"], probe.ValuesOf("ill"));
        Assert.True(failures >= 4, $"{failures} attempts");
        Assert.Equal(20, probe.ValuesOf("well").Count);
        await CommittedAsync(servers, topic, 0, 22);
    }

    /// <summary>The wait is shorter than Orleans' own for an answer, after which an agent that waits reads on, too.</summary>
    [Fact]
    public async Task Delivery_GrainTakesLongToActivate_OthersOfThePartitionAreReadMeanwhile()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var (activating, release) = (new TaskCompletionSource(), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        var probe = new Probe
        {
            Activating = stream =>
            {
                if (stream != "slow") return Task.CompletedTask;
                activating.TrySetResult();
                return release.Task;
            },
        };
        await using var host = await HostAsync(servers, topic, probe);
        using var producer = Producer(servers);
        Send(producer, topic, "slow", "1");
        await activating.Task.WaitAsync(Eventually.Timeout, TestContext.Current.CancellationToken);

        Send(producer, topic, "other", "2");
        await probe.Until(p => p.Count == 1).WaitAsync(TimeSpan.FromSeconds(15), TestContext.Current.CancellationToken);

        Assert.Equal(["2"], probe.ValuesOf("other"));
        release.SetResult();
        await probe.Until(p => p.Count == 2);
    }

    [Fact]
    public async Task Delivery_GrainCannotActivate_ParkedAndOthersOfThePartitionGoOn()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var activations = 0;
        var probe = new Probe
        {
            // One never can, the other at the third attempt.
            Activating = stream => stream == "ill" || (stream == "late" && Interlocked.Increment(ref activations) < 3) ? throw new InvalidOperationException("ill") : Task.CompletedTask,
        };
        using var parked = new CounterProbe("emostream.kafka.streams.parkings");
        await using var host = await HostAsync(servers, topic, probe, RetryFast, parked);
        using var producer = Producer(servers);
        var before = probe.Until(p => p.ValuesOf("well").Count == 1);
        Send(producer, topic, "well", "0");
        Send(producer, topic, "ill", "1");
        await before;

        // Read only after the ill stream is known: the agent does not read while it registers a stream.
        var behind = probe.Until(p => p.ValuesOf("well").Count == 2 && p.ValuesOf("new").Count == 1);
        Send(producer, topic, "well", "2");
        Send(producer, topic, "new", "3");
        await behind;
        var late = probe.Until(p => p.ValuesOf("late").Count == 1);
        Send(producer, topic, "late", "4");
        await late;
        await parked.AtLeast(1);
        Assert.Empty(probe.ValuesOf("ill"));
        await CommittedAsync(servers, topic, 0, 5);
        Assert.Equal(1, parked.Value);
    }

    [Fact]
    public async Task Delivery_FailsLongerThanOneRound_SameEventsAgainUntilTaken()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var ill = true;
        var probe = new Probe();
        var rounds = probe.Until(p => p.Errors == 2);
        probe.Before = (_, _) => Volatile.Read(ref ill) ? throw new InvalidOperationException("ill") : Task.CompletedTask;
        await using var host = await HostAsync(servers, topic, probe);
        using var producer = Producer(servers);
        Send(producer, topic, "s", "0");
        await rounds;
        Send(producer, topic, "s", "1");
        var healed = probe.Until(p => p.ValuesOf("s").Count == 2);
        Volatile.Write(ref ill, false);
        await healed;
        Assert.Equal(["0", "1"], probe.ValuesOf("s"));
        await CommittedAsync(servers, topic, 0, 2);
    }

    [Fact, Trait(Conformance.List, Conformance.Load)]
    public async Task BackPressure_CacheFull_ReadingStopsAndGoesOn()
    {
        const int limit = 50;
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var probe = new Probe { Before = (_, _) => release.Task };
        using var read = new CounterProbe("emostream.kafka.records.read");
        using var producer = Producer(servers);
        for (var i = 0; i < 1000; i++)
        {
            Send(producer, topic, $"s{i % 20}", i.ToString(CultureInfo.InvariantCulture));
        }
        producer.Flush(Eventually.Timeout);
        await using var host = await HostAsync(servers, topic, probe, o => o.CacheRecords = limit, read);

        await probe.Until(p => p.Attempts == 20);
        await read.AtLeast(limit);
        Assert.Equal(limit, read.Value);
        var done = probe.Until(p => p.Count == 1000);
        release.SetResult();
        await done;
        Assert.Equal(1000, read.Value);
    }

    /// <summary>A request context stays with its event; headers are as much memory as values.</summary>
    [Fact]
    public async Task BackPressure_CacheFullByHeaders_ReadingStopsAndGoesOn()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var probe = new Probe { Before = (_, _) => release.Task };
        using var producer = Producer(servers);
        for (var i = 0; i < 500; i++)
        {
            producer.Produce(new TopicPartition(topic, 0), new() { Key = "s"u8.ToArray(), Value = "v"u8.ToArray(), Headers = [new Header("orleans-context-tenant", new byte[1000])] });
        }
        producer.Flush(Eventually.Timeout);
        await using var host = await HostAsync(servers, topic, probe, o => o.CacheBytes = 50_000);
        using var meters = new MeterProbe(host.Services);

        await Eventually.TrueAsync(() => meters.Observe("emostream.kafka.cache.size") >= 50_000, () => "a full cache");
        Assert.InRange(meters.Observe("emostream.kafka.cache.records"), 1, 50);
        var done = probe.Until(p => p.Count == 500);
        release.SetResult();
        await done;
    }

    [Fact]
    public async Task Produce_ThroughTheOrleansStream_ArrivesAtTheGrain()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(4));
        await using var host = await HostAsync(servers, topic);
        var arrived = host.Probe.Until(p => p.ValuesOf("made here").Count == 3);
        var stream = host.Streams.GetStream<string>(StreamId.Create(ProbeAdapter.Namespace, "made here"));
        await stream.OnNextAsync("a");
        await stream.OnNextBatchAsync(["b", "c"]);
        await arrived;
        Assert.Equal(["a", "b", "c"], host.Probe.ValuesOf("made here"));
    }
}
