using System.Collections.Concurrent;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka;
using EmoStream.Testing;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <content>Going back on request, where it takes admin requests or several silos.</content>
public sealed partial class KafkaBrokerStreamTests
{
    [Fact]
    public async Task Rewind_NotRetainedOrBeyondTheEndOrOfAnotherTopic_RefusedAndNothingChanges()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        await using var host = await HostAsync(servers, topic);
        using var meters = new MeterProbe(host.Services);
        using var producer = Producer(servers);
        for (var i = 0; i < 10; i++)
        {
            Send(producer, topic, "s", $"{i}");
        }
        producer.Flush(Eventually.Timeout);
        await host.Probe.Until(p => p.Count == 10);
        await CommittedAsync(servers, topic, 0, 10);
        using var admin = Admin(servers);
        await admin.DeleteRecordsAsync([new TopicPartitionOffset(topic, 0, 5)]);

        var deleted = await RefusedAsync(r => r.PartitionAsync(0, 4, TestContext.Current.CancellationToken));
        var beyond = await RefusedAsync(r => r.PartitionAsync(0, 11, TestContext.Current.CancellationToken));
        var foreign = await RefusedAsync(r => r.StreamAsync(
            StreamId.Create(ProbeAdapter.Namespace, "s"), new KafkaSequenceToken("another topic's id/0", 7), TestContext.Current.CancellationToken));

        Assert.Contains("Offset 4 of partition 0 is not there: Kafka has what lies from 5 up to the end, 10.", deleted.Message, StringComparison.Ordinal);
        Assert.Contains("Offset 11 of partition 0 is not there", beyond.Message, StringComparison.Ordinal);
        Assert.Contains("another partition, or the topic was recreated", foreign.Message, StringComparison.Ordinal);
        Assert.Equal(0, meters.CountOf("emostream.kafka.rewinds"));
        Send(producer, topic, "s", "10");
        await host.Probe.Until(p => p.Count == 11);
        Assert.Equal(11, host.Probe.Distinct);

        // The first one that is left, and it is not refused.
        Assert.Equal(5, await Rewind(host).PartitionAsync(0, 5, TestContext.Current.CancellationToken));
        await host.Probe.Until(p => p.Count == 17);
        Assert.Equal(["5", "6", "7", "8", "9", "10"], host.Probe.ValuesOf("s")[11..]);

        Task<ArgumentOutOfRangeException> RefusedAsync(Func<KafkaRewind, Task<long>> rewind) =>
            Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => rewind(Rewind(host)));
    }

    [Fact]
    public async Task Rewind_ByTime_FromTheFirstRecordThatIsNotOlder()
    {
        var start = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        using var producer = Producer(servers);
        for (var i = 0; i < 6; i++)
        {
            await producer.ProduceAsync(
                new TopicPartition(topic, 0),
                new() { Key = "s"u8.ToArray(), Value = [(byte)('0' + i)], Timestamp = new Timestamp(start.AddSeconds(i)) },
                TestContext.Current.CancellationToken);
        }
        await using var host = await HostAsync(servers, topic);
        await host.Probe.Until(p => p.Count == 6);
        await CommittedAsync(servers, topic, 0, 6);

        Assert.Equal(4, await Rewind(host).PartitionAsync(0, start.AddSeconds(3.5), TestContext.Current.CancellationToken));

        await host.Probe.Until(p => p.Count == 8);
        Assert.Equal(["0", "1", "2", "3", "4", "5", "4", "5"], host.Probe.ValuesOf("s"));
        Assert.Equal(6, await Rewind(host).PartitionAsync(0, start.AddDays(1), TestContext.Current.CancellationToken));
        Assert.Equal(0, await Rewind(host).PartitionAsync(0, DateTimeOffset.UnixEpoch.AddMilliseconds(-1), TestContext.Current.CancellationToken));
        Assert.Equal(0, await Rewind(host).PartitionAsync(0, DateTimeOffset.MinValue, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Rewind_ByGrainsInOnNext_HereAndOnAnotherSilo_EachStreamAgainInOrder()
    {
        const int streams = 24;
        var (servers, topic) = (await ServersAsync(), await TopicAsync(4));
        var tokens = new ConcurrentDictionary<string, KafkaSequenceToken>();
        var since = new ConcurrentDictionary<string, int>();
        var probe = new Probe();
        probe.Rewinds = async (rewind, stream, items) =>
        {
            foreach (var item in items)
            {
                tokens.TryAdd($"{stream}/{item.Item}", (KafkaSequenceToken)item.Token);
            }
            // Once each, and of what has been taken before, of this delivery, or both.
            if (items.Any(item => item.Item == "6") && since.TryAdd(stream, probe.ValuesOf(stream).Count + items.Count))
            {
                await rewind.StreamAsync(StreamId.Create(ProbeAdapter.Namespace, stream), tokens[$"{stream}/2"], TestContext.Current.CancellationToken);
            }
        };
        await using var first = await HostAsync(servers, topic, probe);
        await using var second = await HostAsync(servers, topic, probe, join: first);
        using var producer = Producer(servers);
        await SendAsync(0, 5);
        await SendAsync(5, 10);

        await probe.Until(p => Enumerable.Range(0, streams).All(s => p.CameAgain(
            $"s{s}", since[$"s{s}"], [.. tokens.Where(t => t.Key.StartsWith($"s{s}/", StringComparison.Ordinal)).Select(t => t.Value.Offset).Order().Skip(2)])));
        Assert.Equal(2, probe.SiloOf.Values.Distinct().Count());

        async Task SendAsync(int from, int to)
        {
            for (var i = from * streams; i < to * streams; i++)
            {
                Send(producer, topic, $"s{i % streams}", $"{i / streams}", anyPartition: true);
            }
            producer.Flush(Eventually.Timeout);
            await probe.Until(p => p.Distinct == to * streams);
        }
    }

    [Fact]
    public async Task Rewind_UnknownPartition_RefusedAtOnce()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(2));
        await using var host = await HostAsync(servers, topic);

        var byOffset = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Rewind(host).PartitionAsync(2, 0, TestContext.Current.CancellationToken));
        var byToken = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Rewind(host).StreamAsync(
            StreamId.Create(ProbeAdapter.Namespace, "s"), new KafkaSequenceToken("topic/2", 0), TestContext.Current.CancellationToken));

        Assert.Equal(("partition", "token"), (byOffset.ParamName, byToken.ParamName));
        Assert.Contains("the topic has 2", byOffset.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rewind_AskedOfASiloThatDoesNotReadThePartition_DoneByTheOneThatDoes()
    {
        const int partitions = 4;
        var (servers, topic) = (await ServersAsync(), await TopicAsync(partitions));
        var probe = new Probe();
        await using var first = await HostAsync(servers, topic, probe);
        await using var second = await HostAsync(servers, topic, probe, join: first);
        using var meters = new MeterProbe(second.Services);
        using var producer = Producer(servers);
        for (var i = 0; i < 40; i++)
        {
            producer.Produce(new TopicPartition(topic, i % partitions), new() { Key = [(byte)('a' + (i % partitions))], Value = [(byte)('0' + (i / partitions))] });
        }
        producer.Flush(Eventually.Timeout);
        await probe.Until(p => p.Distinct == 40);
        for (var partition = 0; partition < partitions; partition++)
        {
            await CommittedAsync(servers, topic, partition, 10);
        }
        var before = probe.Count;

        for (var partition = 0; partition < partitions; partition++)
        {
            Assert.Equal(3, await Rewind(first).PartitionAsync(partition, 3, TestContext.Current.CancellationToken));
        }

        await probe.Until(p => p.Count == before + (partitions * 7));
        Assert.Equal(2, meters.CountOf("emostream.kafka.rewinds"));
    }
}
