using EmoStream.Client.Produce;
using EmoStream.Contracts.Timeline;
using EmoStream.Testing;
using EmoStream.Testing.Cluster;
using EmoStream.Testing.Kafka;
using EmoStream.Testing.Ledger;
using EmoStream.Testing.Redis;
using EmoStream.Timeline.Read;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace EmoStream.IntegrationTests.Pipeline;

/// <summary>
/// Redis loses writes that it had acknowledged, whose records Kafka counts as done. More is said at once in half of the
/// conversations, nothing ever again in the others: in the end every timeline is as if nothing had happened.
/// </summary>
public sealed class RedisLossTests(KafkaFixture kafka)
{
    private const int Conversations = 8;
    private const int Partitions = 4;

    [Fact]
    public async Task Rollback_ToFilesOfSecondsAgo_EveryTimelineIsWholeAgain()
    {
        Assert.SkipUnless(PipelineRun.Unavailable is null, PipelineRun.Unavailable ?? "");
        await using var redis = await RedisServer.StartAsync();
        await using var run = await LossRun.StartAsync(await kafka.BrokerAsync(), redis.ConnectionString);
        await run.SayAsync(0, 24, Conversations);
        await run.WholeAsync();
        using var copy = await AppendOnlyCopy.TakeAsync(redis);
        await run.SayAsync(24, 48, Conversations);
        await run.WholeAsync();

        await redis.KillAsync();
        // On its way while Redis is down: the first that reaches it again, behind the hole.
        await run.SayAsync(48, int.MaxValue, Conversations / 2);
        await copy.RestoreAsync();

        await run.WholeAsync();
    }

    [Fact]
    public async Task Failover_ToReplicaWhoseLinkWasCut_EveryTimelineIsWholeAgain()
    {
        Assert.SkipUnless(PipelineRun.Unavailable is null, PipelineRun.Unavailable ?? "");
        await using var primary = await RedisServer.StartAsync();
        await using var replica = await RedisServer.StartAsync("everysec", null, "--replicaof", $"127.0.0.1 {primary.Port}");
        await using var admin = await ConnectionMultiplexer.ConnectAsync(replica.ConnectionString + ",allowAdmin=true");
        await using var run = await LossRun.StartAsync(
            await kafka.BrokerAsync(), $"{primary.ConnectionString},{replica.ConnectionString},configCheckSeconds=1");
        await run.SayAsync(0, 24, Conversations);
        await run.WholeAsync();
        await run.Database.StringSetAsync("marker", 1);
        await Eventually.TrueAsync(
            async _ => await admin.GetDatabase().StringGetAsync("marker", CommandFlags.PreferReplica) == 1, () => "the replica has what was said so far");
        await admin.GetServers()[0].ExecuteAsync("REPLICAOF", "127.0.0.1", "1");
        await run.SayAsync(24, 48, Conversations);
        await run.WholeAsync();

        await primary.KillAsync();
        await run.SayAsync(48, int.MaxValue, Conversations / 2);
        await admin.GetServers()[0].ExecuteAsync("REPLICAOF", "NO", "ONE");

        await run.WholeAsync();
    }

    /// <summary>One silo, with its cluster membership in a Redis that loses nothing: losing that stops silos, which is not what is tested.</summary>
    private sealed class LossRun : IAsyncDisposable
    {
        private readonly RedisServer _membership;
        private readonly ConnectionMultiplexer _connection;
        private readonly TimelineReader _reader;
        private readonly EmoStreamCluster _cluster;
        private readonly UtteranceProducer _producer;
        private readonly DeliveryLedger _ledger = new();

        private LossRun(string kafka, string topic, string redis, RedisServer membership, ConnectionMultiplexer connection)
        {
            _membership = membership;
            _connection = connection;
            _reader = new TimelineReader(connection, TimeProvider.System);
            _cluster = new EmoStreamCluster(kafka, redis) { UtterancesTopic = topic, DeadLetterTopic = topic + "-dlq" };
            _cluster.Environment["Orleans__Clustering__ServiceKey"] = "";
            _cluster.Environment["Orleans__Clustering__ConnectionString"] = membership.ConnectionString;
            _producer = new UtteranceProducer(Options.Create(new UtteranceProducerOptions { BootstrapServers = kafka, Topic = topic }));
        }

        public IDatabase Database => _connection.GetDatabase();

        public static async Task<LossRun> StartAsync(KafkaBroker broker, string redis)
        {
            var topic = $"loss-{Guid.NewGuid():N}";
            await broker.CreateTopicAsync(topic, Partitions);
            await broker.CreateTopicAsync(topic + "-dlq", 1);
            var run = new LossRun(
                broker.BootstrapServers, topic, redis, await RedisServer.StartAsync(), await ConnectionMultiplexer.ConnectAsync(redis));
            await run._cluster.StartSiloAsync();
            return run;
        }

        /// <summary>A stretch of the sample meeting, in the first so many conversations.</summary>
        public async Task SayAsync(int from, int to, int conversations)
        {
            var acknowledged = new List<Task>();
            foreach (var said in Meetings.Sample.Take(to).Skip(from))
            {
                for (var copy = 0; copy < conversations; copy++)
                {
                    var sent = said with { ConversationId = Meetings.Id(copy) };
                    _ledger.Sent(sent);
                    acknowledged.Add(_producer.ProduceAsync(sent, TestContext.Current.CancellationToken));
                }
            }

            await Task.WhenAll(acknowledged);
        }

        /// <summary>Waits until all that was said is on the timelines: once, in order, with nothing else.</summary>
        public async Task WholeAsync()
        {
            DeliveryReport? report = null;
            await Eventually.TrueAsync(
                async _ =>
                {
                    try
                    {
                        var timelines = await Task.WhenAll(_ledger.Conversations.Select(_reader.ReadAsync));
                        report = _ledger.Compare(timelines.OfType<ConversationTimeline>());
                        return report.IsClean;
                    }
                    catch (Exception exception) when (exception is RedisException or RedisTimeoutException or RedisCommandException)
                    {
                        return false;
                    }
                },
                () => $"{report}\n{_cluster.Tail()}",
                TimeSpan.FromMinutes(3));
        }

        public async ValueTask DisposeAsync()
        {
            await _cluster.DisposeAsync();
            await _producer.DisposeAsync();
            await _reader.DisposeAsync();
            await _connection.DisposeAsync();
            await _membership.DisposeAsync();
        }
    }
}
