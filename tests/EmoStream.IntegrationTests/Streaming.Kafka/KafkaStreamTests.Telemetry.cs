using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka;
using EmoStream.Testing;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <content>What operators see.</content>
public abstract partial class KafkaStreamTests
{
    [Fact]
    public async Task Trace_FromTheHeaderToTheGrain_OneIsContinuedAndSeveralAreLinked()
    {
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == KafkaTracing.SourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
        };
        ActivitySource.AddActivityListener(listener);
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var spans = new ConcurrentQueue<Activity>();
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var probe = new Probe();
        probe.Before = (_, _) =>
        {
            using var span = KafkaTracing.StartProcess();
            spans.Enqueue(span!);
            return release.Task;
        };
        using var read = new CounterProbe("emostream.kafka.records.read");
        await using var host = await HostAsync(servers, topic, probe, counter: read);
        using var producer = Producer(servers);
        ActivityContext[] traces = [.. Enumerable.Range(0, 4).Select(_ => new ActivityContext(ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom(), ActivityTraceFlags.Recorded))];
        SendTraced(producer, topic, traces[0]);
        await probe.Until(p => p.Attempts == 1);
        foreach (var trace in traces[1..])
        {
            SendTraced(producer, topic, trace);
        }
        await read.AtLeast(4);
        var done = probe.Until(p => p.Count == 4);
        release.SetResult();
        await done;

        var first = spans.First();
        Assert.Equal((traces[0].TraceId, traces[0].SpanId), (first.TraceId, first.ParentSpanId));
        // The others came in one delivery, or two when the agent took them over in two reads.
        var others = spans.Skip(1).SelectMany(s => s.Links.Any() ? s.Links.Select(l => l.Context.SpanId) : [s.ParentSpanId]);
        Assert.Equal(traces[1..].Select(t => t.SpanId), others);
        Assert.All(spans, span => Assert.DoesNotContain(span.TagObjects, tag => tag.Value is string text && text.Contains("traced", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Metrics_ConsumerStandsStill_LagAgeAndFillGrowAndGoBack()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var probe = new Probe();
        await using var host = await HostAsync(servers, topic, probe);
        using var meters = new MeterProbe(host.Services);
        using var producer = Producer(servers);
        var first = probe.Until(p => p.Count == 1);
        Send(producer, topic, "s", "0");
        await first;
        await CommittedAsync(servers, topic, 0, 1);
        var attempted = probe.Until(p => p.Attempts == 2);
        probe.Before = (_, _) => release.Task;
        var sent = Stopwatch.GetTimestamp();
        for (var i = 1; i <= 10; i++)
        {
            Send(producer, topic, "s", $"{i}");
        }
        producer.Flush(Eventually.Timeout);
        await attempted;

        await LagIsAsync(meters, 10);
        await Eventually.TrueAsync(() => meters.Observe("emostream.kafka.watermark.age") > 0.2, () => $"the watermark grows old, is {meters.Observe("emostream.kafka.watermark.age")} s");
        // That nothing came before is no age.
        Assert.InRange(meters.Observe("emostream.kafka.watermark.age"), 0.2, Stopwatch.GetElapsedTime(sent).TotalSeconds);
        await Eventually.TrueAsync(() => meters.Observe("emostream.kafka.cache.records") == 10, () => $"{meters.Observe("emostream.kafka.cache.records")} cached");
        await Eventually.TrueAsync(() => meters.Observe("emostream.kafka.lag.time") > 0.2, () => "the oldest record grows old");
        Assert.True(meters.Observe("emostream.kafka.cache.size") > 0);
        var caughtUp = probe.Until(p => p.Count == 11);
        release.SetResult();
        await caughtUp;
        await CommittedAsync(servers, topic, 0, 11);
        Assert.Equal(0, meters.Observe("emostream.kafka.lag.time"));
        Assert.Equal(0, meters.Observe("emostream.kafka.watermark.age"));
        Assert.Equal(0, meters.Observe("kafka_consumergroup_lag"));
        Assert.Equal(0, meters.Observe("emostream.kafka.lag"));
        Assert.Equal(["consumergroup", "partition", "topic"], meters.TagsOf("kafka_consumergroup_lag").Order());
        Assert.Equal(11, meters.CountOf("emostream.kafka.fetch.duration"));
        Assert.Equal(11, meters.CountOf("emostream.kafka.ack.duration"));
    }

    [Fact]
    public async Task Metrics_CacheIsFull_LagCountsWhatIsNotEvenFetched()
    {
        // More than the client fetches ahead: it hears nothing of what comes after them.
        const int fetched = 3_000;
        const int more = 500;
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var probe = new Probe { Before = (_, _) => release.Task };
        await using var host = await HostAsync(
            servers,
            topic,
            probe,
            o =>
            {
                o.CacheRecords = 5;
                o.TopicCheckInterval = TimeSpan.FromMilliseconds(100);
            });
        using var meters = new MeterProbe(host.Services);
        using var producer = Producer(servers);
        SendRange(0, fetched);
        await LagIsAsync(meters, fetched);
        Assert.Equal(5, meters.Observe("emostream.kafka.cache.records"));

        SendRange(fetched, more);

        await LagIsAsync(meters, fetched + more);
        Assert.Equal(5, meters.Observe("emostream.kafka.cache.records"));
        Assert.True(meters.Observe("emostream.kafka.watermark.age") > 0);
        var caughtUp = probe.Until(p => p.Count == fetched + more);
        release.SetResult();
        await caughtUp;
        await LagIsAsync(meters, 0);
        Assert.Equal(0, meters.Observe("emostream.kafka.watermark.age"));

        void SendRange(int from, int count)
        {
            for (var i = from; i < from + count; i++)
            {
                Send(producer, topic, "s", $"{i}");
            }
            producer.Flush(Eventually.Timeout);
        }
    }

    [Fact]
    public async Task Metrics_RecordsOfTimesThatNoCalendarHas_AreDeliveredLikeOthers()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var probe = new Probe();
        await using var host = await HostAsync(servers, topic, probe);
        using var meters = new MeterProbe(host.Services);
        using var producer = Producer(servers);
        foreach (var unixMs in (long[])[-100_000_000_000_000, 0, 1_000])
        {
            producer.Produce(new TopicPartition(topic, 0), new Message<byte[]?, byte[]?>
            {
                Key = "s"u8.ToArray(),
                Value = Encoding.UTF8.GetBytes($"{unixMs}"),
                Timestamp = new Timestamp(unixMs, TimestampType.CreateTime),
            });
        }

        producer.Flush(Eventually.Timeout);

        await probe.Until(p => p.Count == 3);
        Assert.Equal(["-100000000000000", "0", "1000"], probe.ValuesOf("s"));
        Assert.Equal(3, meters.CountOf("emostream.kafka.fetch.duration"));
    }

    private static Task LagIsAsync(MeterProbe meters, int records) => Eventually.TrueAsync(
        () => meters.Observe("emostream.kafka.lag") == records && meters.Observe("kafka_consumergroup_lag") == records,
        () => $"a lag of {records}, is {meters.Observe("emostream.kafka.lag")} and {meters.Observe("kafka_consumergroup_lag")}");

    private static void SendTraced(IProducer<byte[]?, byte[]?> producer, string topic, ActivityContext trace) =>
        producer.Produce(new TopicPartition(topic, 0), new Message<byte[]?, byte[]?>
        {
            Key = "traced"u8.ToArray(),
            Value = "v"u8.ToArray(),
            Headers = [new Header("traceparent", Encoding.UTF8.GetBytes($"00-{trace.TraceId}-{trace.SpanId}-01"))],
        });
}
