using System.Text;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka;
using EmoStream.Testing;
using Orleans.Streams;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <content>What of <see cref="Conformance"/> no other test was about.</content>
public abstract partial class KafkaStreamTests
{
    [Fact, Trait(Conformance.List, Conformance.Batches)]
    public async Task Batch_TwoEventTypesAndRequestContexts_ArriveAsTheyWereSent()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var probe = new Probe { Before = (_, _) => release.Task };
        using var read = new CounterProbe("emostream.kafka.records.read");
        await using var host = await ProbeHost.StartAsync(
            servers,
            topic,
            probe,
            options => options.UseAdminRequests = AnswersAdminRequests,
            read,
            streams: streams => streams.UseMessages(messages => messages.StreamFromKey(MixedGrain.Namespace).Json<Opened>("opened").Json<Closed>("closed")));
        var stream = host.Streams.GetStream<IMixed>(StreamId.Create(MixedGrain.Namespace, "door"));

        // The first delivery does not end before the others wait together.
        await stream.OnNextAsync(new Opened("nobody"));
        await probe.Until(p => p.Attempts == 1);
        RequestContext.Set("tenant", "a");
        RequestContext.Set("number", 7);
        await stream.OnNextBatchAsync([new Opened("b"), new Closed(1)]);
        RequestContext.Set("tenant", "ä");
        await stream.OnNextBatchAsync([new Closed(2), new Opened("c")]);
        RequestContext.Clear();
        await stream.OnNextAsync(new Closed(3));
        await read.AtLeast(6);
        var taken = probe.Until(p => p.Count == 6);
        release.SetResult();
        await taken;

        Assert.Equal(
            [
                "Opened { By = nobody } of nobody",
                "Opened { By = b } of a", "Closed { After = 1 } of a",
                "Closed { After = 2 } of ä", "Opened { By = c } of ä",
                "Closed { After = 3 } of nobody",
            ],
            probe.ValuesOf("door"));
    }

    [Fact, Trait(Conformance.List, Conformance.Reads)]
    public async Task Read_NothingThere_EmptyAfterTheLongPollAndTheNextRecordIsTaken()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        await using var receiver = new ReceiverRun(servers, topic, AnswersAdminRequests, longPoll: TimeSpan.FromMilliseconds(20));
        for (var i = 0; i < 3; i++)
        {
            Assert.Empty(await receiver.ReadAsync());
        }

        using var producer = Producer(servers);
        Send(producer, topic, "s", "v");
        IList<IBatchContainer> batch;
        do
        {
            batch = await receiver.ReadAsync();
        }
        while (batch.Count == 0);
        Assert.Equal("v", Assert.Single(Assert.Single(batch).GetEvents<string>()).Item1);
    }

    [Fact, Trait(Conformance.List, Conformance.Reads)]
    public async Task Read_CancelledWhileItWaits_EndsAtOnceAndTheNextOneMissesNothing()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        await using var receiver = new ReceiverRun(servers, topic, AnswersAdminRequests, longPoll: TimeSpan.FromMinutes(1));
        using var cancel = new CancellationTokenSource();
        var read = receiver.ReadUntilAsync(cancel.Token);
        Assert.False(read.IsCompleted);

        await cancel.CancelAsync();

        Assert.Empty(await read.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        using var producer = Producer(servers);
        Send(producer, topic, "s", "v");
        Assert.Equal("v", Assert.Single(Assert.Single(await receiver.ReadAsync()).GetEvents<string>()).Item1);
    }

    [Fact, Trait(Conformance.List, Conformance.Duplicates)]
    public async Task Duplicates_CommitOfTheFormerOwnerIsLost_SameTokensSoThatAGrainCountsEachOnce()
    {
        const int records = 200;
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        using var producer = Producer(servers);
        for (var i = 0; i < records; i++)
        {
            Send(producer, topic, $"s{i % 7}", $"{i}");
        }
        producer.Flush(Eventually.Timeout);
        // One probe for both lives: what a store that survives them would hold.
        var probe = new Probe();
        await using (var host = await HostAsync(servers, topic, probe))
        {
            await probe.Until(p => p.Count == records);
        }
        using (var consumer = Consumer(servers, topic))
        {
            consumer.Commit([new TopicPartitionOffset(topic, 0, 0)]);
        }
        await using var next = await HostAsync(servers, topic, probe);
        await probe.Until(p => p.Count == 2 * records);

        foreach (var (stream, taken) in probe.Taken)
        {
            // By the promise, a grain that drops every offset it has keeps exactly these.
            var (kept, last) = (new List<string>(), -1L);
            foreach (var (value, offset) in taken)
            {
                if (offset > last)
                {
                    last = offset;
                    kept.Add(value);
                }
            }
            Assert.Equal(Enumerable.Range(0, records).Where(i => $"s{i % 7}" == stream).Select(i => $"{i}"), kept);
            Assert.Equal(taken.Count, 2 * kept.Count);
        }
        Assert.Single(probe.Sources);
    }

    [Fact, Trait(Conformance.List, Conformance.Mapping)]
    public async Task Mapping_SentByTwoLives_PartitionsAreThoseOfTheMapper()
    {
        const int partitions = 4;
        string[] streams = [.. Enumerable.Range(0, 40).Select(i => $"ström {i}")];
        var (servers, topic) = (await ServersAsync(), await TopicAsync(partitions));
        for (var life = 0; life < 2; life++)
        {
            await using var host = await HostAsync(servers, topic);
            await Task.WhenAll(streams.Select(s => host.Streams.GetStream<string>(StreamId.Create(ProbeAdapter.Namespace, s)).OnNextAsync($"{life}")));
        }

        var records = await ReadAsync(servers, topic, 2 * streams.Length);
        var mapper = new KafkaQueueMapper("Kafka", partitions);
        Assert.All(records, record =>
        {
            var stream = StreamId.Create(ProbeAdapter.Namespace, Encoding.UTF8.GetString(record.Message.Key!));
            Assert.Equal(KafkaQueueMapper.Partition(mapper.GetQueueForStream(stream)), record.Partition.Value);
        });
        Assert.Equal(partitions, records.Select(r => r.Partition.Value).Distinct().Count());
    }
}
