using System.Globalization;
using System.Text;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka;
using EmoStream.Testing;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>What the provider promises, on any broker that speaks Kafka's protocol; every broker we claim to work with inherits this.</summary>
public abstract class KafkaStreamTests
{
    protected abstract Task<string> ServersAsync();

    protected abstract Task<string> TopicAsync(int partitions);

    protected virtual bool AnswersAdminRequests => true;

    protected Task<ProbeHost> HostAsync(
        string servers, string topic, Probe? probe = null, Action<KafkaStreamOptions>? configure = null, CounterProbe? counter = null, ProbeHost? join = null) =>
        ProbeHost.StartAsync(
            servers,
            topic,
            probe,
            options =>
            {
                options.UseAdminRequests = AnswersAdminRequests;
                configure?.Invoke(options);
            },
            counter,
            join);

    [Fact]
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

    [Fact]
    public async Task Delivery_GrainCannotActivate_OthersOfThePartitionGoOn()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var ill = true;
        var probe = new Probe
        {
            Activating = stream => stream == "ill" && Volatile.Read(ref ill) ? throw new InvalidOperationException("ill") : Task.CompletedTask,
        };
        await using var host = await HostAsync(servers, topic, probe);
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
        Assert.Empty(probe.ValuesOf("ill"));

        var healed = probe.Until(p => p.ValuesOf("ill").Count == 1);
        Volatile.Write(ref ill, false);
        await healed;
        await CommittedAsync(servers, topic, 0, 4);
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

    [Fact]
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

    [Fact]
    public async Task DeadLetter_MalformedAmongGood_BytesAndHeadersIntactWithReason()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        await using var host = await HostAsync(servers, topic);
        var good = host.Probe.Until(p => p.ValuesOf("s").Count == 2);
        using var producer = Producer(servers);
        Send(producer, topic, "s", "good 1");
        Send(producer, topic, "s", "bad:because");
        Send(producer, topic, "s", "throw");
        producer.Produce(new TopicPartition(topic, 0), new Message<byte[]?, byte[]?> { Key = "s"u8.ToArray(), Value = null });
        producer.Produce(new TopicPartition(topic, 0), new Message<byte[]?, byte[]?> { Key = null, Value = "no key"u8.ToArray() });
        Send(producer, topic, "s", "good 2");
        producer.Flush(Eventually.Timeout);
        await good;

        var dead = await ReadAsync(servers, topic + ".dlq", 4);
        var byOffset = dead.ToDictionary(d => Header(d, "emostream-dlq-offset"));
        Assert.Equal(["1", "2", "3", "4"], byOffset.Keys.Order());
        Assert.Equal("not good: because", Header(byOffset["1"], "emostream-dlq-reason"));
        Assert.Equal("bad:because"u8.ToArray(), byOffset["1"].Message.Value);
        Assert.Equal("s"u8.ToArray(), byOffset["1"].Message.Key);
        Assert.Equal("kept", Header(byOffset["1"], "original"));
        Assert.Equal(topic, Header(byOffset["1"], "emostream-dlq-topic"));
        Assert.Equal("0", Header(byOffset["1"], "emostream-dlq-partition"));
        Assert.Equal(
            byOffset["1"].Message.Timestamp.UnixTimestampMs.ToString(CultureInfo.InvariantCulture),
            Header(byOffset["1"], "emostream-dlq-timestamp"));
        Assert.Equal("the decoder threw InvalidOperationException", Header(byOffset["2"], "emostream-dlq-reason"));
        Assert.Null(byOffset["3"].Message.Value);
        Assert.Contains("no value", Header(byOffset["3"], "emostream-dlq-reason"), StringComparison.Ordinal);
        Assert.Null(byOffset["4"].Message.Key);
        Assert.Contains("no key", Header(byOffset["4"], "emostream-dlq-reason"), StringComparison.Ordinal);
        Assert.Equal(["good 1", "good 2"], host.Probe.ValuesOf("s"));
        await CommittedAsync(servers, topic, 0, 6);
    }

    [Fact]
    public async Task Restart_AfterCleanStop_CommittedAtTheEndAndNothingAgain()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        using var producer = Producer(servers);
        for (var i = 0; i < 10; i++)
        {
            Send(producer, topic, $"s{i}", i.ToString(CultureInfo.InvariantCulture));
        }
        producer.Flush(Eventually.Timeout);
        // Stopped while every delivery is under way: the stop lets them end and commits them.
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var first = new Probe { Before = (_, _) => release.Task };
        await using (var host = await HostAsync(servers, topic, first))
        {
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

    [Fact]
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

    [Fact]
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

    [Fact]
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
            Assert.Equal(2, probe.Silos.Count);
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

    protected static IProducer<byte[]?, byte[]?> Producer(string servers) => new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig
    {
        BootstrapServers = servers,
        EnableIdempotence = true,
        Partitioner = Partitioner.Murmur2Random,
        LingerMs = 1,
        MessageMaxBytes = 10_000_000,
    }).SetLogHandler((_, _) => { }).Build();

    /// <summary>To partition 0 unless the key may choose: not every broker makes topics with as many partitions as asked for.</summary>
    protected static void Send(IProducer<byte[]?, byte[]?> producer, string topic, string key, string value, bool anyPartition = false) =>
        producer.Produce(new TopicPartition(topic, anyPartition ? Partition.Any : 0), new Message<byte[]?, byte[]?>
        {
            Key = Encoding.UTF8.GetBytes(key),
            Value = Encoding.UTF8.GetBytes(value),
            Headers = [new Header("original", "kept"u8.ToArray())],
        });

    protected static string Header(ConsumeResult<byte[]?, byte[]?> record, string name) =>
        Encoding.UTF8.GetString(record.Message.Headers.GetLastBytes(name));

    protected static async Task<List<ConsumeResult<byte[]?, byte[]?>>> ReadAsync(string servers, string topic, int count)
    {
        using var consumer = Consumer(servers, "reader");
        List<ConsumeResult<byte[]?, byte[]?>> records = [];
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        var partitions = admin.GetMetadata(topic, Eventually.Timeout).Topics[0].Partitions;
        consumer.Assign(partitions.Select(p => new TopicPartitionOffset(topic, p.PartitionId, Offset.Beginning)));
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Eventually.Timeout);
        await Task.Run(
            () =>
            {
                while (records.Count < count)
                {
                    records.Add(consumer.Consume(deadline.Token));
                }
            },
            deadline.Token);
        return records;
    }

    protected static async Task CommittedAsync(string servers, string topic, int partition, long offset)
    {
        // The provider's group is the Orleans service id, which ProbeHost sets to the topic.
        using var consumer = Consumer(servers, topic);
        var committed = Offset.Unset;
        await Eventually.TrueAsync(
            () =>
            {
                committed = consumer.Committed([new TopicPartition(topic, partition)], TimeSpan.FromSeconds(10))[0].Offset;
                return committed.Value == offset;
            },
            () => $"offset {offset} committed, is {committed}");
    }

    private static HashSet<string> Union(Probe a, Probe b) =>
        [.. a.Taken.Keys.SelectMany(a.ValuesOf), .. b.Taken.Keys.SelectMany(b.ValuesOf)];

    private static IConsumer<byte[]?, byte[]?> Consumer(string servers, string group) =>
        new ConsumerBuilder<byte[]?, byte[]?>(new ConsumerConfig { BootstrapServers = servers, GroupId = group, EnableAutoCommit = false })
            .SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
}
