using System.Diagnostics;
using System.Globalization;
using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using EmoStream.Contracts;
using EmoStream.Testing;
using EmoStream.Testing.Kafka;
using EmoStream.Testing.Processes;
using EmoStream.Testing.Redis;
using StackExchange.Redis;

namespace EmoStream.Benchmarks.Load;

/// <summary>What to run.</summary>
internal sealed record TrialSettings(string System, string Scorer, string Bundle, int Utterances, int Conversations, int Rate, int Warm, int Seed);

/// <summary>What came out. Latency from due to announced entry; memory is the system's resident set.</summary>
internal sealed record TrialResult(
    string System, double PerSecond, double P50Ms, double P99Ms, double MaxMs, double CpuSeconds, double RssBeforeMb, double RssAfterMb, string Digest);

/// <summary>One system under one load, from scratch: new topic, empty Redis, new process, warm-up, load, check of every entry.</summary>
internal sealed class Trial(KafkaBroker kafka, RedisServer redis, TrialSettings settings, string logs)
{
    private static int s_topics;

    public async Task<TrialResult> RunAsync(CancellationToken cancellationToken)
    {
        using var connection = await ConnectionMultiplexer.ConnectAsync(redis.ConnectionString + ",allowAdmin=true");
        await connection.GetServers()[0].FlushAllDatabasesAsync();
        var topic = $"load-{Environment.ProcessId}-{Interlocked.Increment(ref s_topics)}";
        await kafka.CreateTopicAsync(topic, 8);
        await kafka.CreateTopicAsync(topic + ".dlq", 1);
        await using var process = await StartAsync(topic);

        await LoadAsync(connection, topic, "warm", settings.Warm, settings.Conversations, settings.Rate, cancellationToken);
        var (cpu, rss) = (CpuSeconds(process.Id), ResidentMb(process.Id));
        var (due, watcher) = await LoadAsync(connection, topic, "load", settings.Utterances, settings.Conversations, settings.Rate, cancellationToken);
        var latencies = due.Select((at, i) => Stopwatch.GetElapsedTime(at, watcher.VisibleAt[i]).TotalMilliseconds).Order().ToArray();
        return new(
            settings.System,
            settings.Utterances / Stopwatch.GetElapsedTime(due[0], watcher.VisibleAt.Max()).TotalSeconds,
            latencies[latencies.Length / 2],
            latencies[(int)(latencies.Length * 0.99)],
            latencies[^1],
            CpuSeconds(process.Id) - cpu,
            rss,
            ResidentMb(process.Id),
            await DigestAsync(connection.GetDatabase()));
    }

    private async Task<(long[] Due, Watcher Watcher)> LoadAsync(
        ConnectionMultiplexer connection, string topic, string prefix, int utterances, int conversations, int rate, CancellationToken cancellationToken)
    {
        // The model's cost grows with the text: speech-like lengths there, the usual 12 to 35 words for the null score.
        var (min, max) = settings.Scorer == Roles.Model ? (3, 15) : (12, 35);
        var workload = Workload.Create(prefix, utterances, conversations, min, max, settings.Seed);
        var watcher = await Watcher.StartAsync(connection, workload, prefix);
        var due = await Task.Run(() => Sender.Send(kafka.BootstrapServers, topic, workload, rate, cancellationToken), cancellationToken);
        await watcher.DoneAsync(cancellationToken);
        await connection.GetSubscriber().UnsubscribeAllAsync();
        return (due, watcher);
    }

    private async Task<ChildProcess> StartAsync(string topic)
    {
        var address = $"http://127.0.0.1:{FreePorts.Take()}";
        var process = await ChildProcess.StartAsync(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? Programs.Find("dotnet") ?? "dotnet",
            [typeof(Trial).Assembly.Location, settings.System == BareRole.Name ? BareRole.Name : SiloRole.Name],
            Path.Combine(logs, $"{topic}-{settings.System}.log"),
            new Dictionary<string, string?>
            {
                [Roles.Scorer] = settings.Scorer,
                ["ASPNETCORE_URLS"] = address,
                ["ConnectionStrings__kafka"] = kafka.BootstrapServers,
                ["ConnectionStrings__redis"] = redis.ConnectionString,
                ["EmoStream__Topics__Utterances"] = topic,
                ["EmoStream__Bundle"] = settings.Bundle,
                ["EmoStream__Policy"] = Checkout.At("infra", "policies", "text-only.json"),
                ["Orleans__Clustering__ProviderType"] = "Development",
                ["Orleans__Endpoints__SiloPort"] = $"{FreePorts.Take()}",
                ["Orleans__Endpoints__GatewayPort"] = $"{FreePorts.Take()}",
                ["Logging__LogLevel__Default"] = "Warning",
            });
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(2) };
        await Eventually.TrueAsync(
            async token => settings.System == BareRole.Name ? process.Tail().Contains("ready", StringComparison.Ordinal) : await IsHealthyAsync(http, address, token),
            () => $"{settings.System} is ready\n{process.Tail()}");
        return process;
    }

    private static async Task<bool> IsHealthyAsync(HttpClient http, string address, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await http.GetAsync(new Uri(address + "/health"), cancellationToken);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false; // not listening yet
        }
    }

    /// <summary>A hash over every entry's place, label and confidence: equal digests are equal timelines.</summary>
    private async Task<string> DigestAsync(IDatabase database)
    {
        var hash = new XxHash64();
        var count = 0;
        for (var c = 0; c < settings.Conversations; c++)
        {
            foreach (var field in (await database.HashGetAllAsync($"emostream:{{load-{c}}}:entries")).OrderBy(f => (string)f.Name!, StringComparer.Ordinal))
            {
                var entry = JsonSerializer.Deserialize((byte[])field.Value!, ContractsJson.Default.TimelineEntry)!;
                // Batches differ between systems, and with them the last bits of a float: five decimals are the promise.
                hash.Append(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{c} {entry.UtteranceId} {entry.Sequence} {entry.Change} {entry.Label} {entry.Confidence:F3}\n")));
                count++;
            }
        }

        if (count != settings.Utterances) throw new InvalidOperationException($"{settings.System}: {count} entries of {settings.Utterances} utterances.");
        return hash.GetCurrentHashAsUInt64().ToString("x16", CultureInfo.InvariantCulture);
    }

    private static double CpuSeconds(int process)
    {
        using var p = Process.GetProcessById(process);
        return p.TotalProcessorTime.TotalSeconds;
    }

    private static double ResidentMb(int process)
    {
        using var p = Process.GetProcessById(process);
        return p.WorkingSet64 / 1048576.0;
    }
}
