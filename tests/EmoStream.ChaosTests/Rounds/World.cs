using System.Globalization;
using System.Net.Http.Json;
using EmoStream.Client.Produce;
using EmoStream.Contracts.Timeline;
using EmoStream.Testing;
using EmoStream.Testing.Cluster;
using EmoStream.Testing.Kafka;
using EmoStream.Testing.Ledger;
using EmoStream.Testing.Processes;
using EmoStream.Testing.Redis;
using EmoStream.Timeline.Read;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace EmoStream.ChaosTests.Rounds;

/// <summary>
/// Everything that a round may break: a Kafka broker and a redis-server, each behind a network of its own, and silos as
/// processes. Cluster membership lies in a second Redis that loses nothing: losing that stops silos, as Orleans means it to.
/// </summary>
internal sealed class World : IAsyncDisposable
{
    /// <summary>Silos that should be there, as an orchestrator sees it.</summary>
    public const int SiloCount = 3;

    private const int Partitions = 8;
    private const int Starts = 5;
    private const string Group = "emostream";
    /// <summary>Shorter than the silo's own, which are meant for faults that last: a round waits for all of them.</summary>
    private static readonly string[] Retries = ["00:00:00.2", "00:00:00.2", "00:00:00.2", "00:00:02", "00:00:02"];

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(2) };

    private readonly RedisServer _membership;
    private readonly EmoStreamCluster _cluster;
    private readonly UtteranceProducer _producer;
    private readonly ServiceProcess?[] _silos = new ServiceProcess?[SiloCount + 1];

    private World(KafkaBroker kafka, TcpProxy kafkaLine, RedisServer redis, TcpProxy redisLine, RedisServer membership, string topic, int seed)
    {
        (Kafka, KafkaLine, Redis, RedisLine, _membership) = (kafka, kafkaLine, redis, redisLine, membership);
        _cluster = new EmoStreamCluster(kafkaLine.Address, redisLine.Address)
        {
            SiloCommand = Program.SiloCommand,
            UtterancesTopic = topic,
            DeadLetterTopic = topic + ".dlq",
        };
        _cluster.Environment["Orleans__Clustering__ServiceKey"] = "";
        _cluster.Environment["Orleans__Clustering__ConnectionString"] = membership.ConnectionString;
        _producer = new UtteranceProducer(Options.Create(new UtteranceProducerOptions
        {
            BootstrapServers = kafkaLine.Address,
            Topic = topic,
            QueueCapacity = 1_000_000,
            DeliveryTimeout = TimeSpan.FromMinutes(10),
        }));
        Traffic = new Traffic(_producer, seed);
        Poison = new Poison(kafkaLine.Address, _cluster.DeadLetterTopic, $"{topic}.{Group}.parked", () => Redis.ConnectionString);
        for (var i = 0; i < Retries.Length; i++) _cluster.Environment[$"Orleans__Streaming__Kafka__RetryDelays__{i}"] = Retries[i];
    }

    /// <summary>Why there can be no world here; null where there can.</summary>
    public static string? Unavailable => PipelineRun.Unavailable ?? KafkaBroker.Unkillable;

    public KafkaBroker Kafka { get; }

    public TcpProxy KafkaLine { get; }

    /// <summary>The primary; see <see cref="FailOverTo"/>.</summary>
    public RedisServer Redis { get; private set; }

    public TcpProxy RedisLine { get; }

    public Traffic Traffic { get; }

    public Poison Poison { get; }

    /// <summary>Whether a round is under way, or ended otherwise than it should.</summary>
    public bool IsBroken { get; set; }

    /// <summary>Starts all of it.</summary>
    public static async Task<World> StartAsync(int seed, CancellationToken cancellationToken)
    {
        var kafkaLine = TcpProxy.Start();
        // Clients learn the broker's address from the broker.
        var kafka = await KafkaBroker.StartAsync($"advertised.listeners=PLAINTEXT://{kafkaLine.Address}\n", cancellationToken: cancellationToken);
        kafkaLine.Target = int.Parse(kafka.BootstrapServers.Split(':')[1], CultureInfo.InvariantCulture);
        var topic = $"chaos-{Guid.NewGuid():N}";
        await kafka.CreateTopicAsync(topic, Partitions);
        await kafka.CreateTopicAsync(topic + ".dlq", 1);
        var redis = await RedisServer.StartAsync();
        var world = new World(kafka, kafkaLine, redis, TcpProxy.Start(redis.Port), await RedisServer.StartAsync(), topic, seed);
        await world.HealAsync();
        return world;
    }

    /// <summary>The silo in a place, started if need be: one may have ended since it was declared dead.</summary>
    public async Task<ServiceProcess> AliveAsync(int index)
    {
        if (_silos[index] is { HasExited: true }) Forget(index);
        await StartSiloAsync(index);
        return _silos[index]!;
    }

    /// <summary>Starts a silo in a place, as often as it takes: an orchestrator restarts what does not get up while others are down.</summary>
    public async Task StartSiloAsync(int index)
    {
        for (var attempt = 1; _silos[index] is null; attempt++)
        {
            try
            {
                _silos[index] = await _cluster.StartSiloAsync();
            }
            catch (Exception e) when (e is InvalidOperationException or TimeoutException && attempt < Starts)
            {
                // It says why in its log, which goes with it.
            }
        }
    }

    /// <summary>Stops the silo in a place, orderly.</summary>
    public async Task StopSiloAsync(int index)
    {
        if (await (await AliveAsync(index)).StopAsync() is var status and not 0) throw new InvalidOperationException($"A silo that was asked to stop ended with {status}.\n{Tail()}");
        Forget(index);
    }

    /// <summary>The place is empty from now on.</summary>
    public void Forget(int index) => _silos[index] = null;

    /// <summary>Everything is as it should be: no disturbance, as many silos as there should be.</summary>
    public async Task HealAsync()
    {
        KafkaLine.Restore();
        RedisLine.Restore();
        RedisLine.Latency = TimeSpan.Zero;
        await Task.WhenAll(Enumerable.Range(0, SiloCount).Select(AliveAsync));
    }

    /// <summary>Tells every silo that lives how long its model takes.</summary>
    /// <returns>How many it has reached.</returns>
    public async Task<int> SlowScorerAsync(int delayMs, CancellationToken cancellationToken)
    {
        var reached = await Task.WhenAll(_silos.OfType<ServiceProcess>().Select(async silo =>
        {
            try
            {
                using var response = await Http.PostAsync(new Uri(silo.Address, $"test/scorer?delayMs={delayMs}"), null, cancellationToken);
                response.EnsureSuccessStatusCode();
                return true;
            }
            catch (Exception e) when (e is HttpRequestException { StatusCode: null } or TaskCanceledException)
            {
                return false; // Dead or frozen. A new one is as fast as ever.
            }
        }));
        return reached.Count(r => r);
    }

    /// <summary>Whether the silo in a place has taken at least one partition over since it started.</summary>
    public async Task<bool> HasTakenPartitionsAsync(int index)
    {
        try
        {
            var counters = await Http.GetFromJsonAsync<Dictionary<string, long>>(new Uri((await AliveAsync(index)).Address, "test/counters"));
            return counters!.GetValueOrDefault("emostream.kafka.handovers") > 0;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return false; // asked again
        }
    }

    /// <summary>Another server is the primary from now on.</summary>
    public async Task FailOverTo(RedisServer replica)
    {
        var former = Redis;
        Redis = replica;
        RedisLine.Target = replica.Port;
        await former.DisposeAsync();
        RedisLine.DropAll();
    }

    /// <summary>Waits until these conversations are as if nothing had happened.</summary>
    /// <returns>What was missing when it took too long.</returns>
    public async Task<DeliveryReport> WholeAsync(IReadOnlyCollection<string> conversations, TimeSpan timeout)
    {
        DeliveryReport report = new();
        await using var redis = await ConnectionMultiplexer.ConnectAsync(Redis.ConnectionString);
        await using var reader = new TimelineReader(redis, TimeProvider.System);
        try
        {
            await Eventually.TrueAsync(
                async _ =>
                {
                    // Also of earlier rounds: Redis may have been put back to when they were ill.
                    if (Poison.IsUsed) await HealPoisonedAsync();
                    var timelines = await Task.WhenAll(conversations.Select(reader.ReadAsync));
                    report = Traffic.Ledger.Compare(timelines.OfType<ConversationTimeline>(), conversations);
                    return report.IsClean;
                },
                () => report.ToString(),
                timeout);
        }
        catch (TimeoutException)
        {
            // The report says what is missing.
        }

        return report;
    }

    private async Task HealPoisonedAsync()
    {
        await Poison.CureAsync();
        if (await Poison.ParkedAsync() is not { Count: 0 } && await Poison.RedriveAsync() && await Poison.ParkedAsync() is { Count: > 0 } left)
        {
            throw new InvalidOperationException($"Sent again and yet parked: {string.Join(", ", left)}.");
        }
    }

    /// <summary>
    /// What must hold besides when the last round is over: nothing is a dead letter (nor ever was, where nothing was poisoned),
    /// everything is committed, no log names a
    /// conversation, and a follower from the beginning sees what the timelines say, in the order of the changes.
    /// </summary>
    /// <returns>What does not; null when all does.</returns>
    public async Task<string?> EndAsync(CancellationToken cancellationToken)
    {
        using var progress = new KafkaProgress(Kafka.BootstrapServers, Group, _cluster.UtterancesTopic, Partitions);
        using var letters = new KafkaProgress(Kafka.BootstrapServers, Group, _cluster.DeadLetterTopic, 1);
        var (produced, committed) = (0L, -1L);
        try
        {
            await Eventually.TrueAsync(async _ => ((produced, committed) = await progress.ReadAsync()).produced == committed, () => "", Patience);
        }
        catch (TimeoutException)
        {
            return $"{committed} of {produced} records are committed";
        }

        if (!Poison.IsUsed && (await letters.ReadAsync()).Produced is var dead and not 0) return $"{dead} dead letters";
        if (await Poison.ParkedAsync() is not { Count: 0 }) return "there are letters";
        if (Poison.Stated() is { Count: > 0 } parked) return $"parked without letters: {string.Join(", ", parked)}";
        if (_cluster.LogLines().FirstOrDefault(line => line.Contains(Traffic.IdPrefix, StringComparison.Ordinal)) is { } told) return $"a log line names a conversation: {told}";

        await using var redis = await ConnectionMultiplexer.ConnectAsync(Redis.ConnectionString);
        await using var reader = new TimelineReader(redis, TimeProvider.System);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        foreach (var conversation in Traffic.Ledger.Conversations)
        {
            if (await ComplainOfFeedAsync(reader, conversation, patience.Token) is { } complaint) return $"{conversation}: {complaint}";
        }

        // Once more: what was whole when the last round was judged may have been written over since.
        var last = Traffic.Ledger.Compare((await Task.WhenAll(Traffic.Ledger.Conversations.Select(reader.ReadAsync))).OfType<ConversationTimeline>());
        return last.IsClean ? null : last.ToString();
    }

    private static async Task<string?> ComplainOfFeedAsync(TimelineReader reader, string conversation, CancellationToken cancellationToken)
    {
        if (await reader.ReadAsync(conversation) is not { } timeline) return "no timeline";
        var left = timeline.Entries.ToDictionary(entry => entry.UtteranceId, entry => entry.Change);
        var latest = 0L;
        try
        {
            await foreach (var entry in reader.FollowAsync(conversation, 0, cancellationToken))
            {
                if (entry.Change <= latest || !left.Remove(entry.UtteranceId, out var change) || change != entry.Change) return $"the feed is not the timeline at change {entry.Change}";
                latest = entry.Change;
                if (latest >= timeline.Change) break;
            }
        }
        catch (OperationCanceledException)
        {
            return $"the feed ends at change {latest}, the timeline at {timeline.Change}";
        }

        return left.Count == 0 ? null : $"{left.Count} entries are not in the feed";
    }

    /// <summary>The ends of the silos' logs.</summary>
    public string Tail() => _cluster.Tail();

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        await _producer.DisposeAsync();
        await KafkaLine.DisposeAsync();
        await RedisLine.DisposeAsync();
        await Kafka.DisposeAsync();
        await Redis.DisposeAsync();
        await _membership.DisposeAsync();
    }
}
