using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Confluent.Kafka;
using EmoStream.Contracts.Inference;
using EmoStream.Inference.Scoring;
using EmoStream.IntegrationTests.Streaming.Kafka;
using EmoStream.Silo.Hosting;
using EmoStream.Testing;
using EmoStream.Testing.Cluster;
using EmoStream.Testing.Inference;
using EmoStream.Testing.Kafka;
using EmoStream.Testing.Processes;
using EmoStream.Testing.Redis;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EmoStream.IntegrationTests.Pipeline;

/// <summary>One trace from the producer of an utterance to its commit in Redis.</summary>
public sealed class TraceTests(KafkaFixture kafka)
{
    private const string Commit = "EmoStream.Timeline";
    private const string Delivery = "EmoStream.Streaming.Kafka";

    [Fact]
    public async Task Commit_OfOneRecordAndOfSeveral_InTheTraceOfTheOneAndLinkedToTheOthers()
    {
        Assert.SkipUnless(PipelineRun.Unavailable is null, PipelineRun.Unavailable ?? "");
        var ended = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is Commit or Delivery,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = ended.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        var servers = (await kafka.BrokerAsync()).BootstrapServers;
        var topic = await kafka.CreateTopicAsync();
        await using var redis = await RedisServer.StartAsync();
        using var scorer = new GatedScorer();
        using var read = new CounterProbe("emostream.kafka.records.read");
        await using var silo = Build(servers, topic, redis.ConnectionString, scorer);
        read.Listen(silo.Services);
        await silo.StartAsync(TestContext.Current.CancellationToken);
        scorer.Close();
        ActivityContext[] traces = [.. Enumerable.Range(0, 4).Select(_ => new ActivityContext(ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom(), ActivityTraceFlags.Recorded))];

        // The others wait together while the first one is scored.
        await SendAsync(servers, topic, 0, traces[0]);
        await scorer.Asked.WaitAsync(Eventually.Timeout, TestContext.Current.CancellationToken);
        for (var i = 1; i < traces.Length; i++)
        {
            await SendAsync(servers, topic, i, traces[i]);
        }
        await read.AtLeast(traces.Length);
        scorer.Open();
        await Eventually.TrueAsync(() => traces.All(trace => DeliveriesOf(trace).Any()), () => $"{traces.Count(trace => DeliveriesOf(trace).Any())} of {traces.Length} traces were delivered");
        await silo.StopAsync(CancellationToken.None);

        // 1 the record's own trace, through the grain call, to the commit
        var first = Assert.Single(DeliveriesOf(traces[0]));
        Assert.Equal((traces[0].TraceId, traces[0].SpanId), (first.TraceId, first.ParentSpanId));
        var commit = Assert.Single(ended, span => span.Source.Name == Commit && span.TraceId == traces[0].TraceId);
        Assert.Equal(first.SpanId, commit.ParentSpanId);
        // 2 a batch: its commit is in the delivery's trace, and that is linked to every record's
        var batch = DeliveriesOf(traces[^1]).Single();
        Assert.True(batch.Links.Count() > 1, "the records behind the first did not come together");
        Assert.All(traces[1..], trace => Assert.Single(DeliveriesOf(trace)));
        Assert.Single(ended, span => span.Source.Name == Commit && span.TraceId == batch.TraceId && span.ParentSpanId == batch.SpanId);
        Assert.DoesNotContain(batch.TraceId, traces.Select(trace => trace.TraceId));

        IEnumerable<Activity> DeliveriesOf(ActivityContext trace) => ended.Where(span => span.Source.Name == Delivery
            && (span.ParentSpanId == trace.SpanId || span.Links.Any(link => link.Context.TraceId == trace.TraceId && link.Context.SpanId == trace.SpanId)));
    }

    private static WebApplication Build(string servers, string topic, string redis, IScorer scorer)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["urls"] = "http://127.0.0.1:0",
            ["ConnectionStrings:kafka"] = servers,
            ["ConnectionStrings:redis"] = redis,
            ["EmoStream:Topics:Utterances"] = topic,
            ["EmoStream:Topics:DeadLetters"] = topic + ".dlq",
            ["EmoStream:Policy"] = Checkout.At("infra", "policies", "text-only.json"),
            ["Orleans:ClusterId"] = topic,
            ["Orleans:ServiceId"] = "emostream",
            ["Orleans:Clustering:ProviderType"] = "Redis",
            ["Orleans:Clustering:ServiceKey"] = "redis",
            ["Orleans:Endpoints:AdvertisedIPAddress"] = "127.0.0.1",
            ["Orleans:Endpoints:SiloPort"] = $"{FreePorts.Take()}",
            ["Orleans:Endpoints:GatewayPort"] = $"{FreePorts.Take()}",
        });
        builder.Services.AddSingleton(scorer);
        builder.AddSilo();
        return builder.Build();
    }

    private static async Task SendAsync(string servers, string topic, int number, ActivityContext trace)
    {
        using var producer = new ProducerBuilder<string, byte[]>(new ProducerConfig { BootstrapServers = servers }).Build();
        var utterance = $$"""{"conversationId":"c","utteranceId":"u{{number}}","speaker":{"id":"s"},"text":"t","startMs":{{number}},"endMs":{{number}}}""";
        await producer.ProduceAsync(
            topic,
            new()
            {
                Key = "c",
                Value = Encoding.UTF8.GetBytes(utterance),
                Headers = [new Header("traceparent", Encoding.UTF8.GetBytes($"00-{trace.TraceId}-{trace.SpanId}-01"))],
            },
            TestContext.Current.CancellationToken);
    }

    /// <summary>A model that takes a batch and does not answer before it may.</summary>
    private sealed class GatedScorer : IScorer, IDisposable
    {
        private readonly NullScorer _scorer = new();
        private readonly ManualResetEventSlim _open = new();
        private volatile bool _isGated;
        private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ModelDescription Description => _scorer.Description;

        public Task Asked => _asked.Task;

        /// <summary>From the next batch on; a silo warms its model before it starts.</summary>
        public void Close() => _isGated = true;

        public void Open() => _open.Set();

        public ScoreReply[] Score(IReadOnlyList<ScoreRequest> batch)
        {
            if (_isGated)
            {
                _asked.TrySetResult();
                _open.Wait(Eventually.Timeout);
            }
            return _scorer.Score(batch);
        }

        public void Dispose() => _open.Dispose();
    }
}
