using Confluent.Kafka;
using EmoStream.Client.Produce;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Timeline;
using EmoStream.Testing.Kafka;
using EmoStream.Testing.Ledger;
using EmoStream.Testing.Redis;
using EmoStream.Timeline.Read;
using Microsoft.Extensions.Options;
using StackExchange.Redis;
using Xunit;

namespace EmoStream.Testing.Cluster;

/// <summary>
/// One run of the whole pipeline: topics of its own on a real Kafka, a redis-server of its own, silos as processes, and
/// a ledger that remembers what was sent.
/// </summary>
public sealed class PipelineRun : IAsyncDisposable
{
    private const int Partitions = 4;
    private const string Group = "emostream";

    private readonly ConnectionMultiplexer _connection;
    private readonly UtteranceProducer _producer;
    private readonly KafkaProgress _progress;
    private readonly TimelineReader _reader;

    private PipelineRun(KafkaBroker kafka, RedisServer redis, ConnectionMultiplexer connection, string topic)
    {
        Redis = redis;
        _connection = connection;
        _reader = new TimelineReader(connection, TimeProvider.System);
        _progress = new KafkaProgress(kafka.BootstrapServers, Group, topic, Partitions);
        _producer = new UtteranceProducer(Options.Create(new UtteranceProducerOptions { BootstrapServers = kafka.BootstrapServers, Topic = topic }));
        Cluster = new EmoStreamCluster(kafka.BootstrapServers, redis.ConnectionString) { UtterancesTopic = topic, DeadLetterTopic = topic + "-dlq" };
    }

    /// <summary>Why the pipeline cannot run here, for <c>Assert.SkipUnless</c>; null where it can.</summary>
    public static string? Unavailable =>
        KafkaBroker.Unavailable ?? EmoStreamCluster.Unavailable ?? (RedisServer.Executable is null ? "needs redis-server" : null);

    /// <summary>The silos and gateways.</summary>
    public EmoStreamCluster Cluster { get; }

    /// <summary>Where the timelines are.</summary>
    public RedisServer Redis { get; }

    /// <summary>What was sent.</summary>
    public DeliveryLedger Ledger { get; } = new();

    /// <summary>Number of entries on all timelines.</summary>
    public async Task<long> CountEntriesAsync() => (await _reader.ListAsync(0, 10_000)).Sum(conversation => conversation.Utterances);

    /// <summary>Creates topics and Redis; no silo yet.</summary>
    public static async Task<PipelineRun> StartAsync(KafkaBroker kafka)
    {
        var topic = $"run-{Guid.NewGuid():N}";
        await kafka.CreateTopicAsync(topic, Partitions);
        await kafka.CreateTopicAsync(topic + "-dlq", 1);
        var redis = await RedisServer.StartAsync();
        return new PipelineRun(kafka, redis, await ConnectionMultiplexer.ConnectAsync(redis.ConnectionString), topic);
    }

    /// <summary>Produces events and enters them in the ledger; returns when Kafka has them all.</summary>
    public async Task SendAsync(IEnumerable<UtteranceEvent> events)
    {
        var acknowledged = new List<Task>();
        foreach (var sent in events)
        {
            Ledger.Sent(sent);
            acknowledged.Add(_producer.ProduceAsync(sent, TestContext.Current.CancellationToken));
        }

        await Task.WhenAll(acknowledged);
    }

    /// <summary>Waits until the silos have durably taken every record, malformed ones included.</summary>
    public async Task AppliedAsync(TimeSpan? timeout = null)
    {
        var (produced, committed) = (0L, 0L);
        await Eventually.TrueAsync(
            async _ =>
            {
                try
                {
                    (produced, committed) = await _progress.ReadAsync();
                    return produced > 0 && committed == produced;
                }
                catch (KafkaException)
                {
                    return false; // Back from the dead, but not yet in charge of the group.
                }
            },
            () => $"{committed} of {produced} records are applied\n{Cluster.Tail()}",
            timeout ?? TimeSpan.FromMinutes(3));
    }

    /// <summary>Waits until the timelines hold at least this many entries; returns how many there are.</summary>
    public async Task<long> EntriesAsync(long atLeast)
    {
        var found = 0L;
        await Eventually.TrueAsync(
            async _ => (found = await CountEntriesAsync()) >= atLeast,
            () => $"{found} of {atLeast} entries\n{Cluster.Tail()}",
            TimeSpan.FromMinutes(3));
        return found;
    }

    /// <summary>All timelines as they stand.</summary>
    public async Task<IReadOnlyList<ConversationTimeline>> TimelinesAsync()
    {
        var timelines = new List<ConversationTimeline>();
        foreach (var conversation in await _reader.ListAsync(0, 10_000))
        {
            timelines.Add((await _reader.ReadAsync(conversation.ConversationId))!);
        }

        return timelines;
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await Cluster.DisposeAsync();
        await _producer.DisposeAsync();
        _progress.Dispose();
        await _reader.DisposeAsync();
        await _connection.DisposeAsync();
        await Redis.DisposeAsync();
    }
}
