using System.Globalization;
using EmoStream.Streaming.Kafka;
using EmoStream.Testing;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Streams;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <content>Going back on request, while silos run.</content>
public abstract partial class KafkaStreamTests
{
    [Fact]
    public async Task Rewind_PartitionWhileEventsFlow_AllFromThereAgainInOrderAndNothingLost()
    {
        const int before = 300;
        const int records = 900;
        const int from = 100;
        const int streams = 6;
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        await using var host = await HostAsync(servers, topic);
        using var meters = new MeterProbe(host.Services);
        using var producer = Producer(servers);
        var sent = 0;
        Send(before);
        await host.Probe.Until(p => p.Count == before);

        // A few records at a time, as the grains take them: some are always under way.
        var load = Task.Run(async () =>
        {
            while (sent < records)
            {
                Send(10);
                await host.Probe.Until(p => p.Distinct >= sent - 20);
            }
        }, TestContext.Current.CancellationToken);
        await host.Probe.Until(p => p.Distinct > before + 100);
        Assert.Equal(from, await Rewind(host).PartitionAsync(0, from, TestContext.Current.CancellationToken));
        await load;
        await host.Probe.Until(p => p.Taken.Count == streams && p.Taken.Values.All(taken => Again(taken).Count == Expected(taken).Count));

        Assert.All(host.Probe.Taken.Values, taken =>
        {
            var again = Again(taken);
            Assert.Equal(Expected(taken), again);
            var first = taken.ConvertAll(t => t.Offset)[..^again.Count];
            Assert.Equal(first.Order().Distinct(), first);
        });
        Assert.Equal(records, host.Probe.Distinct);
        Assert.Equal(1, meters.CountOf("emostream.kafka.rewinds"));
        await CommittedAsync(servers, topic, 0, records);

        void Send(int count)
        {
            for (var i = 0; i < count; i++)
            {
                KafkaStreamTests.Send(producer, topic, $"s{sent % streams}", sent.ToString(CultureInfo.InvariantCulture));
                sent++;
            }
            producer.Flush(Eventually.Timeout);
        }

        // What was taken since offsets went back, and what should have been: a record's value is its offset.
        static List<long> Again(List<(string Value, long Offset)> taken)
        {
            var start = taken.Count;
            while (start > 1 && taken[start - 1].Offset > taken[start - 2].Offset)
            {
                start--;
            }
            return start <= 1 ? [] : taken.ConvertAll(t => t.Offset)[(start - 1)..];
        }

        static List<long> Expected(List<(string Value, long Offset)> taken) =>
            [.. Enumerable.Range(from, records - from).Select(o => (long)o).Where(o => o % streams == taken[0].Offset % streams)];
    }

    [Fact]
    public async Task Rewind_OneStream_OthersAndDeadLettersAreNotRepeated()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        await using var host = await HostAsync(servers, topic);
        using var meters = new MeterProbe(host.Services);
        using var producer = Producer(servers);
        var taken = host.Probe.Until(p => p.Count == 20);
        for (var i = 0; i < 10; i++)
        {
            Send(producer, topic, "mine", $"{i}");
            Send(producer, topic, "other", $"{i}");
        }
        Send(producer, topic, "mine", "bad:letter");
        producer.Flush(Eventually.Timeout);
        await taken;
        await CommittedAsync(servers, topic, 0, 21);
        var token = new KafkaSequenceToken(Assert.Single(host.Probe.Sources).Key, 12);

        Assert.Equal(12, await Rewind(host).StreamAsync(StreamId.Create(ProbeAdapter.Namespace, "mine"), token, TestContext.Current.CancellationToken));

        await host.Probe.Until(p => p.ValuesOf("mine").Count == 14);
        var more = host.Probe.Until(p => p.Count == 26);
        Send(producer, topic, "other", "10");
        Send(producer, topic, "mine", "10");
        await more;
        Assert.Equal(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "6", "7", "8", "9", "10"], host.Probe.ValuesOf("mine"));
        Assert.Equal(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"], host.Probe.ValuesOf("other"));
        Assert.Equal(1, meters.CountOf("emostream.kafka.records.dead_lettered"));
        await CommittedAsync(servers, topic, 0, 23);
    }

    [Fact]
    public async Task Rewind_EventsAreNotDoneYet_NoneIsSkipped()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var probe = new Probe { Before = (stream, _) => stream == "slow" ? release.Task : Task.CompletedTask };
        await using var host = await HostAsync(servers, topic, probe);
        using var producer = Producer(servers);
        var quick = probe.Until(p => p.ValuesOf("quick").Count == 2);
        Send(producer, topic, "quick", "0");
        Send(producer, topic, "slow", "1");
        Send(producer, topic, "quick", "2");
        await quick;
        await CommittedAsync(servers, topic, 0, 1);

        // Offset 1 is not done: going "back" to 3 must not jump over it.
        Assert.Equal(1, await Rewind(host).PartitionAsync(0, 3, TestContext.Current.CancellationToken));
        release.SetResult();

        await probe.Until(p => p.ValuesOf("quick").Count == 3 && p.ValuesOf("slow").Contains("1"));
        await CommittedAsync(servers, topic, 0, 3);
    }

    [Fact]
    public async Task Subscribe_WithAToken_RefusedByOrleansAsTheStreamsAreNotRewindable()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        await using var host = await HostAsync(servers, topic);
        var stream = host.Streams.GetStream<string>(StreamId.Create(ProbeAdapter.Namespace, "s"));

        var error = await Assert.ThrowsAnyAsync<ArgumentException>(() => stream.SubscribeAsync((_, _) => Task.CompletedTask, new KafkaSequenceToken("topic/0", 1)));

        Assert.Contains("non-rewindable", error.Message, StringComparison.Ordinal);
        Assert.False(stream.IsRewindable);
    }

    protected static KafkaRewind Rewind(ProbeHost host) => host.Services.GetRequiredKeyedService<KafkaRewind>("Kafka");
}
