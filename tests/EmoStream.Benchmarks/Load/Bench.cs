using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using EmoStream.Testing.Cluster;
using EmoStream.Testing.Kafka;
using EmoStream.Testing.Redis;
using Spectre.Console;
using StackExchange.Redis;

namespace EmoStream.Benchmarks.Load;

/// <summary>What one run with silos as processes needs, from scratch: an empty Redis, a new topic, silos with the null score.</summary>
internal sealed class Bench : IAsyncDisposable
{
    private static readonly HttpClient s_http = new();
    private static int s_topics;
    private readonly ConnectionMultiplexer _connection;
    private readonly string _kafka;

    private Bench(string kafka, ConnectionMultiplexer connection, EmoStreamCluster cluster) => (_kafka, _connection, Cluster) = (kafka, connection, cluster);

    public EmoStreamCluster Cluster { get; }

    public List<ServiceProcess> Silos { get; } = [];

    public IDatabase Redis => _connection.GetDatabase();

    /// <summary>A redis-server that does not drop subscribers who lag behind: they are us.</summary>
    public static Task<RedisServer> StartRedisAsync() => RedisServer.StartAsync("everysec", null, "--client-output-buffer-limit", "pubsub 0 0 0");

    /// <summary>Whether runs are possible here; says what is missing.</summary>
    public static async Task<bool> HasServersAsync(string command)
    {
        var missing = KafkaBroker.Unavailable ?? EmoStreamCluster.Unavailable ?? (RedisServer.Executable is null ? "redis-server is not on PATH" : null);
        if (missing is not null) await Console.Error.WriteLineAsync($"{command} needs a real Kafka and redis-server: {missing}");
        return missing is null;
    }

    /// <summary>An option of at least 1.</summary>
    public static Option<int> Positive(string name, string description, int value)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            // The text itself: asking for the value throws where it is no number.
            if (result.Tokens is [var token] && !(int.TryParse(token.Value, out var number) && number >= 1)) result.AddError($"{name} must be a number of at least 1.");
        });
        return option;
    }

    public static async Task<Bench> StartAsync(KafkaBroker kafka, RedisServer redis, int partitions, int silos)
    {
        var connection = await ConnectionMultiplexer.ConnectAsync(redis.ConnectionString + ",allowAdmin=true");
        await connection.GetServers()[0].FlushAllDatabasesAsync();
        var topic = $"bench-{Environment.ProcessId}-{Interlocked.Increment(ref s_topics)}";
        await kafka.CreateTopicAsync(topic, partitions);
        await kafka.CreateTopicAsync(topic + ".dlq", 1);
        var cluster = new EmoStreamCluster(kafka.BootstrapServers, redis.ConnectionString)
        {
            UtterancesTopic = topic,
            DeadLetterTopic = topic + ".dlq",
            SiloCommand = [typeof(Bench).Assembly.Location, SiloRole.Name],
            Environment = { [Roles.Scorer] = Roles.Null, ["Logging__LogLevel__Default"] = "Warning" },
        };
        var bench = new Bench(kafka.BootstrapServers, connection, cluster);
        try
        {
            for (var i = 0; i < silos; i++) bench.Silos.Add(await cluster.StartSiloAsync());
            return bench;
        }
        catch
        {
            await bench.DisposeAsync();
            throw;
        }
    }

    /// <summary>Sends a workload and returns when all of it is visible; <paramref name="meanwhile"/> runs beside it.</summary>
    /// <param name="workload">What to send.</param>
    /// <param name="prefix">Of its conversations.</param>
    /// <param name="rate">Utterances per second.</param>
    /// <param name="meanwhile">Starts with the load.</param>
    /// <param name="except">A conversation whose utterances nobody waits for.</param>
    /// <param name="cancellationToken">Ends the load.</param>
    /// <returns>Stopwatch ticks at which each utterance was due, and became visible.</returns>
    public async Task<(long[] Due, IReadOnlyList<long> VisibleAt)> LoadAsync(
        Workload workload, string prefix, int rate, Func<Task> meanwhile, int? except, CancellationToken cancellationToken)
    {
        var watcher = await Watcher.StartAsync(_connection, workload, prefix, except);
        var sending = Task.Run(() => Sender.Send(_kafka, Cluster.UtterancesTopic, workload, rate, cancellationToken), cancellationToken);
        await meanwhile();
        var due = await sending;
        try
        {
            await watcher.DoneAsync(cancellationToken);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message}\n{Cluster.Tail()}", e);
        }

        return (due, watcher.VisibleAt);
    }

    /// <summary>Counters of EmoStream, summed over silos since their start.</summary>
    public static async Task<long[]> ReadCountersAsync(IEnumerable<ServiceProcess> silos, string[] names, CancellationToken cancellationToken)
    {
        var sums = new long[names.Length];
        foreach (var silo in silos)
        {
            using var counters = JsonDocument.Parse(await s_http.GetStringAsync(new Uri(silo.Address, "test/counters"), cancellationToken));
            for (var i = 0; i < names.Length; i++) sums[i] += counters.RootElement.TryGetProperty(names[i], out var value) ? value.GetInt64() : 0;
        }

        return sums;
    }

    public async ValueTask DisposeAsync()
    {
        await Cluster.DisposeAsync();
        await _connection.DisposeAsync();
    }

    /// <summary>The value below which this share of them lies.</summary>
    public static double Percentile(double[] sorted, double share) => sorted[Math.Min((int)(sorted.Length * share), sorted.Length - 1)];

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }

    public static string Text(double value, int digits) => value.ToString($"F{digits}", CultureInfo.InvariantCulture);

    /// <summary>On standard error: standard output is for the results' lines.</summary>
    public static void Write(Table table) => AnsiConsole.Create(new() { Out = new AnsiConsoleOutput(Console.Error) }).Write(table);
}
