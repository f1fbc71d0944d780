using System.Collections.Concurrent;
using System.Globalization;
using EmoStream.Streaming.Kafka;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <content>Events that their grain refuses, and faults that are not theirs.</content>
public abstract partial class KafkaStreamTests
{
    [Fact]
    public async Task Poison_RefusedAtEveryAttempt_DeadLetteredWithAllOfItAndOthersGoOn()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var refused = 0;
        var probe = new Probe
        {
            Before = (stream, items) => stream == "ill" && items.Any(i => i.Item == "poison") && Interlocked.Increment(ref refused) > 0
                ? throw new InvalidOperationException("what a person said")
                : Task.CompletedTask,
        };
        using var parked = new CounterProbe("emostream.kafka.streams.parked");
        await using var host = await HostAsync(servers, topic, probe, RetryFast, parked);
        using var producer = Producer(servers);
        foreach (var value in (string[])["before", "poison", "behind"])
        {
            Send(producer, topic, "ill", value);
        }
        var well = probe.Until(p => p.ValuesOf("well").Count == 20);
        for (var i = 0; i < 20; i++)
        {
            Send(producer, topic, "well", i.ToString(CultureInfo.InvariantCulture));
        }
        producer.Flush(EmoStream.Testing.Eventually.Timeout);
        await well;

        var dead = (await ReadAsync(servers, topic + ".dlq", 2)).ToDictionary(d => Header(d, DeadLetterHeaders.Offset));
        Assert.Equal("poison"u8.ToArray(), dead["1"].Message.Value);
        Assert.Equal("ill"u8.ToArray(), dead["1"].Message.Key);
        Assert.Equal("kept", Header(dead["1"], "original"));
        Assert.Equal("4", Header(dead["1"], DeadLetterHeaders.Attempts));
        Assert.Equal("System.InvalidOperationException", Header(dead["1"], DeadLetterHeaders.FailedWith));
        Assert.Equal("given up after 4 attempts: System.InvalidOperationException", Header(dead["1"], DeadLetterHeaders.Reason));
        Assert.Equal("behind"u8.ToArray(), dead["2"].Message.Value);
        Assert.Equal($"{topic}:{Header(dead["1"], DeadLetterHeaders.Position)}", Header(dead["2"], DeadLetterHeaders.Parked));
        Assert.Null(DeadLetterHeaders.Text(dead["2"].Message.Headers, DeadLetterHeaders.Attempts));
        Assert.Equal(["before"], probe.ValuesOf("ill"));
        // Alone at each of its attempts, and perhaps once together with its neighbours.
        Assert.InRange(refused, 4, 5);
        Assert.Equal(1, parked.Observe());
        await CommittedAsync(servers, topic, 0, 23);
    }

    [Fact]
    public async Task Poison_OwnerChanges_StreamStaysParked()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        using var producer = Producer(servers);
        var probe = new Probe { Before = Refuse("ill", "poison") };
        await using (var host = await HostAsync(servers, topic, probe, RetryFast))
        {
            Send(producer, topic, "ill", "poison");
            await ReadAsync(servers, topic + ".dlq", 1);
            await CommittedAsync(servers, topic, 0, 1);
        }
        await using var next = await HostAsync(servers, topic, configure: RetryFast);
        Send(producer, topic, "ill", "behind");
        Send(producer, topic, "well", "2");
        await next.Probe.Until(p => p.ValuesOf("well").Count == 1);
        var dead = await ReadAsync(servers, topic + ".dlq", 2);
        Assert.Contains(dead, d => Header(d, DeadLetterHeaders.Offset) == "1");
        Assert.Empty(next.Probe.ValuesOf("ill"));
        await CommittedAsync(servers, topic, 0, 3);
    }

    [Theory]
    [InlineData(typeof(IOException))]
    [InlineData(typeof(TimeoutException))]
    [InlineData(typeof(InvalidOperationException))]
    public async Task Outage_AllStreamsFailFarLongerThanTheRetries_NothingDeadLettered(Type fault)
    {
        const int streams = 20;
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var attempts = new ConcurrentDictionary<string, int>();
        var down = true;
        var probe = new Probe();
        probe.Before = (stream, _) =>
        {
            attempts.AddOrUpdate(stream, 1, (_, n) => n + 1);
            return Volatile.Read(ref down) ? throw (Exception)Activator.CreateInstance(fault)! : Task.CompletedTask;
        };
        using var dead = new CounterProbe("emostream.kafka.records.dead_lettered");
        var long_ = probe.Until(_ => attempts.Count == streams && attempts.Values.All(n => n > 12));
        await using var host = await HostAsync(
            servers,
            topic,
            probe,
            o =>
            {
                RetryFast(o);
                o.MaxRetryDelay = TimeSpan.FromMilliseconds(100);
                o.IsTransient = e => e is IOException;
            },
            dead);
        using var producer = Producer(servers);
        for (var i = 0; i < streams * 5; i++)
        {
            Send(producer, topic, $"s{i % streams}", (i / streams).ToString(CultureInfo.InvariantCulture));
        }
        producer.Flush(EmoStream.Testing.Eventually.Timeout);
        await long_;
        var healed = probe.Until(p => p.Count == streams * 5);
        Volatile.Write(ref down, false);
        await healed;
        Assert.All(probe.Taken.Keys, s => Assert.Equal(["0", "1", "2", "3", "4"], probe.ValuesOf(s)));
        Assert.Equal(0, dead.Value);
        await CommittedAsync(servers, topic, 0, streams * 5);
    }

    [Fact]
    public async Task Outage_GrainsOnTwoSilosFailWithWhatCannotBeSent_NothingDeadLettered()
    {
        const int streams = 40;
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var probe = new Probe();
        using var dead = new CounterProbe("emostream.kafka.records.dead_lettered");
        using var others = new CounterProbe("emostream.kafka.records.dead_lettered");
        await using var first = await HostAsync(servers, topic, probe, Configure, dead);
        await using var second = await HostAsync(servers, topic, probe, Configure, others, join: first);
        using var producer = Producer(servers);
        Send("before", Enumerable.Range(0, streams).Select(i => $"s{i}"));
        await probe.Until(p => p.Distinct == streams);
        // One silo reads, so the grains of the other fail from afar; two of each, because many that fail together never count.
        var failing = probe.SiloOf.GroupBy(stream => stream.Value, (_, its) => its.Select(stream => stream.Key).Order().Take(2)).SelectMany(s => s).ToHashSet();
        Assert.Equal(4, failing.Count);

        var attempts = new ConcurrentDictionary<string, int>();
        var down = true;
        probe.Before = (stream, _) =>
        {
            attempts.AddOrUpdate(stream, 1, (_, n) => n + 1);
            return Volatile.Read(ref down) ? throw new IOException("the store is away") { Data = { ["status"] = new Unsendable() } } : Task.CompletedTask;
        };
        var tried = probe.Until(_ => attempts.Count == failing.Count && attempts.Values.All(n => n > 12));
        Send("during", failing);
        await tried;
        var healed = probe.Until(p => failing.All(s => p.ValuesOf(s).Count == 2));
        Volatile.Write(ref down, false);
        await healed;
        Assert.All(failing, s => Assert.Equal(["before", "during"], probe.ValuesOf(s)));
        Assert.Equal(0, dead.Value + others.Value);
        await CommittedAsync(servers, topic, 0, streams + failing.Count);

        void Send(string value, IEnumerable<string> to)
        {
            foreach (var stream in to)
            {
                KafkaStreamTests.Send(producer, topic, stream, value);
            }
            producer.Flush(EmoStream.Testing.Eventually.Timeout);
        }

        static void Configure(KafkaStreamOptions options)
        {
            RetryFast(options);
            options.MaxRetryDelay = TimeSpan.FromMilliseconds(100);
            options.IsTransient = e => e is IOException;
        }
    }

    /// <summary>As what clients of data stores put into their exceptions.</summary>
    private sealed class Unsendable;

    protected static void RetryFast(KafkaStreamOptions options)
    {
        options.RetryDelays.Clear();
        for (var i = 0; i < 3; i++)
        {
            options.RetryDelays.Add(TimeSpan.FromMilliseconds(20));
        }
    }

    protected static Func<string, IList<Orleans.Streams.SequentialItem<string>>, Task> Refuse(string stream, string value) =>
        (s, items) => s == stream && items.Any(i => i.Item == value) ? throw new InvalidOperationException("refused") : Task.CompletedTask;
}
