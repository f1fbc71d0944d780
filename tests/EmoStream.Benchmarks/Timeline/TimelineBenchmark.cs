using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using EmoStream.Cli.Up;
using EmoStream.Contracts;
using EmoStream.Contracts.Timeline;
using EmoStream.Testing.Redis;
using EmoStream.Timeline.Commit;
using StackExchange.Redis;

namespace EmoStream.Benchmarks.Timeline;

/// <summary>
/// Commits per second over one pipelined connection, beside plain commands in the same run: only entry, order and feed
/// ("plain 3"), and everything that a commit writes ("plain all"). Server CPU and Lua time come from Redis itself.
/// </summary>
internal static class TimelineBenchmark
{
    private const int Conversations = 1_000;
    private const int InFlight = 256;
    private const int EntriesPerRun = 120_000;
    private const int RowBytes = 1_536;
    private const int Window = 26;

    public static async Task RunAsync()
    {
        if (RedisServer.Executable is not null)
        {
            foreach (var perCommit in new[] { 1, 8 })
            {
                await using var server = await RedisServer.StartAsync();
                await CompareAsync("redis-server", server.ConnectionString, perCommit);
            }
        }

        foreach (var perCommit in new[] { 1, 8 })
        {
            using var garnet = EmbeddedRedis.Start();
            await CompareAsync("garnet (in process)", garnet.ConnectionString, perCommit);
        }
    }

    private static async Task CompareAsync(string name, string connectionString, int perCommit)
    {
        await using var redis = await ConnectionMultiplexer.ConnectAsync(connectionString + ",allowAdmin=true");
        var store = new TimelineStore(redis, TimeProvider.System);
        var writers = new Writer[Conversations];
        for (var i = 0; i < Conversations; i++)
        {
            var id = string.Create(CultureInfo.InvariantCulture, $"c{i}");
            writers[i] = new Writer(id, (await store.OpenAsync(id)).Epoch, perCommit);
        }

        var database = redis.GetDatabase();
        await MeasureAsync(name, perCommit, "warm-up", redis, writers, writer => store.CommitAsync(writer.Id, writer.Next()), EntriesPerRun / 8);
        for (var round = 0; round < 2; round++)
        {
            await MeasureAsync(name, perCommit, "commit", redis, writers, writer => store.CommitAsync(writer.Id, writer.Next()), EntriesPerRun);
            await MeasureAsync(name, perCommit, "plain 3", redis, writers, writer => PlainAsync(database, writer.Id, writer.Next(), all: false), EntriesPerRun);
            await MeasureAsync(name, perCommit, "plain all", redis, writers, writer => PlainAsync(database, writer.Id, writer.Next(), all: true), EntriesPerRun);

            // The plain writes went past the script, so the change numbers have to be opened anew.
            foreach (var writer in writers)
            {
                writer.Epoch = (await store.OpenAsync(writer.Id)).Epoch;
                await database.HashSetAsync($"emostream:{{{writer.Id}}}:state", "change", writer.Change);
            }
        }
    }

    private static async Task MeasureAsync(
        string server, int perCommit, string what, ConnectionMultiplexer redis, Writer[] writers, Func<Writer, Task> write, int entries)
    {
        var admin = redis.GetServers()[0];
        var isRedis = admin.GetProductVariant(out _) != ProductVariant.Garnet;
        if (isRedis)
        {
            await admin.ExecuteAsync("CONFIG", "RESETSTAT");
        }

        var cpu = isRedis ? await ServerCpuAsync(admin) : double.NaN;
        var commits = entries / perCommit;
        var started = Stopwatch.GetTimestamp();
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, InFlight).Select(async lane =>
        {
            for (int i; (i = Interlocked.Increment(ref next)) < commits;)
            {
                // A lane keeps to its own conversations: a writer is never used twice at a time.
                await write(writers[(lane + (InFlight * (i % (Conversations / InFlight)))) % Conversations]);
            }
        }));
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        cpu = isRedis ? await ServerCpuAsync(admin) - cpu : double.NaN;
        if (what == "warm-up")
        {
            return;
        }

        var lua = isRedis ? await LuaMicrosecondsAsync(admin) : double.NaN;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{server,-20} {perCommit} entries/commit  {what,-9} {commits / seconds,8:0} commits/s {commits * perCommit / seconds,9:0} entries/s  server CPU {cpu * 1e6 / commits,6:0.0} us/commit  evalsha {lua,6:0.0} us/call"));
    }

    private static async Task PlainAsync(IDatabase database, string id, TimelineCommit commit, bool all)
    {
        var prefix = $"emostream:{{{id}}}:";
        var tasks = new List<Task>();
        foreach (var entry in commit.Entries)
        {
            tasks.Add(database.HashSetAsync(prefix + "entries", entry.UtteranceId, JsonSerializer.SerializeToUtf8Bytes(entry, ContractsJson.Default.TimelineEntry)));
            tasks.Add(database.SortedSetAddAsync(prefix + "order", entry.UtteranceId, entry.Sequence));
            tasks.Add(database.SortedSetAddAsync(prefix + "feed", entry.UtteranceId, entry.Change));
        }

        if (all)
        {
            tasks.Add(database.HashSetAsync(prefix + "context", [.. commit.Rows.Select(row => new HashEntry(row.Key, row.Value))]));
            tasks.Add(database.HashDeleteAsync(prefix + "context", [.. commit.DroppedRows.Select(row => (RedisValue)row)]));
            tasks.Add(database.HashSetAsync(prefix + "speakers", commit.Speakers[0].SpeakerId, JsonSerializer.SerializeToUtf8Bytes(commit.Speakers[0], ContractsJson.Default.SpeakerAggregate)));
            tasks.Add(database.HashSetAsync(prefix + "state", [new("change", commit.Change), new("offset:topic/0", commit.Offset), new("grain", commit.Grain)]));
            tasks.Add(database.PublishAsync(RedisChannel.Literal(prefix + "changes"), commit.Change));
            tasks.Add(database.SortedSetAddAsync("emostream:conversations", id, commit.Change));
        }

        await Task.WhenAll(tasks);
    }

    private static async Task<double> ServerCpuAsync(IServer server)
    {
        var info = (await server.InfoAsync("cpu")).SelectMany(group => group).ToDictionary(pair => pair.Key, pair => pair.Value);
        return Seconds("used_cpu_user") + Seconds("used_cpu_sys");

        double Seconds(string key) => info.TryGetValue(key, out var text) ? double.Parse(text, CultureInfo.InvariantCulture) : double.NaN;
    }

    private static async Task<double> LuaMicrosecondsAsync(IServer server)
    {
        // cmdstat_evalsha:calls=10,usec=200,usec_per_call=20.00,rejected_calls=0,failed_calls=0
        var stats = (await server.InfoAsync("commandstats")).SelectMany(group => group).FirstOrDefault(pair => pair.Key == "cmdstat_evalsha").Value;
        var field = stats?.Split(',').FirstOrDefault(part => part.StartsWith("usec_per_call=", StringComparison.Ordinal));
        return field is null ? double.NaN : double.Parse(field["usec_per_call=".Length..], CultureInfo.InvariantCulture);
    }

    /// <summary>Makes the commits of one conversation: new entries, their rows, the rows that leave the window, one speaker.</summary>
    private sealed class Writer(string id, long epoch, int perCommit)
    {
        private static readonly byte[] Row = new byte[RowBytes];
        private static readonly byte[] Grain = new byte[512];
        private static readonly Dictionary<string, float> Probabilities = new()
        {
            ["neutral"] = 0.5123456f,
            ["joy"] = 0.2123456f,
            ["surprise"] = 0.1123456f,
            ["anger"] = 0.06234567f,
            ["sadness"] = 0.05123456f,
            ["disgust"] = 0.03123456f,
            ["fear"] = 0.01812345f,
        };

        public string Id { get; } = id;

        public long Epoch { get; set; } = epoch;

        public long Change { get; private set; }

        public TimelineCommit Next()
        {
            var previous = Change;
            var entries = new TimelineEntry[perCommit];
            var rows = new KeyValuePair<string, byte[]>[perCommit];
            var dropped = new string[perCommit];
            for (var i = 0; i < perCommit; i++)
            {
                Change++;
                var utteranceId = string.Create(CultureInfo.InvariantCulture, $"utterance-{Change}");
                rows[i] = new(utteranceId, Row);
                dropped[i] = string.Create(CultureInfo.InvariantCulture, $"utterance-{Change - Window}");
                entries[i] = new TimelineEntry
                {
                    ConversationId = Id,
                    UtteranceId = utteranceId,
                    Change = Change,
                    Sequence = Change,
                    SpeakerId = "s1",
                    SpeakerName = "Ana",
                    StartMs = Change * 2500,
                    EndMs = (Change * 2500) + 2300,
                    Text = "I think we should move the launch to next week, honestly.",
                    Status = EntryStatus.Final,
                    Label = "neutral",
                    Probabilities = Probabilities,
                    Confidence = 0.5123456f,
                    PredictionSet = new PredictionSet(0.9f, ["neutral", "joy"]),
                    Weights = new Dictionary<string, float> { ["text"] = 1f },
                    Availability = ["text"],
                    Bundle = "meld@1.0.0",
                    Policy = "text-only@1",
                    LatencyMs = new EntryLatency(1.25, 3.5),
                };
            }

            return new TimelineCommit
            {
                Epoch = Epoch,
                PreviousChange = previous,
                Change = Change,
                Source = "topic/0",
                Offset = Change,
                Entries = entries,
                Rows = rows,
                DroppedRows = dropped,
                Grain = Grain,
                Speakers = [new SpeakerAggregate { SpeakerId = "s1", DisplayName = "Ana", Utterances = (int)Change, Labels = new Dictionary<string, int> { ["neutral"] = (int)Change } }],
            };
        }
    }
}
