using EmoStream.Cli.Up;
using EmoStream.Timeline.Connect;
using Garnet.common;
using StackExchange.Redis;

namespace EmoStream.Cli.Doctor;

/// <summary>Whether Redis answers, runs scripts, and keeps what it acknowledges.</summary>
internal static class RedisCheck
{
    private const string Check = "redis";

    /// <summary>Checks the given server; without one, whether the embedded server starts.</summary>
    public static async Task<IReadOnlyList<Finding>> RunAsync(string? connectionString)
    {
        EmbeddedRedis? embedded = null;
        try
        {
            embedded = string.IsNullOrEmpty(connectionString) ? EmbeddedRedis.Start("64m") : null;
            return await LookAsync(embedded?.ConnectionString ?? connectionString!, embedded is not null);
        }
        catch (Exception e) when (e is GarnetException or System.Net.Sockets.SocketException)
        {
            return [Finding.Bad(Check, $"The embedded server does not start: {e.Message}", "Name a real Redis with --redis HOST:PORT.")];
        }
        catch (ArgumentException e)
        {
            return [Finding.Bad(Check, e.Message, "Write --redis as HOST:PORT, with StackExchange.Redis options after commas if need be.")];
        }
        finally
        {
            embedded?.Dispose();
        }
    }

    private static async Task<IReadOnlyList<Finding>> LookAsync(string connectionString, bool embedded)
    {
        var options = ConfigurationOptions.Parse(connectionString);
        options.ConnectTimeout = options.AsyncTimeout = 5000;
        options.AllowAdmin = true;
        var findings = new List<Finding>();
        try
        {
            await using var redis = await ConnectionMultiplexer.ConnectAsync(options);
            var database = redis.GetDatabase();
            var ping = await database.PingAsync();
            var info = await RedisProbe.RunAsync(redis);
            var name = embedded ? "embedded server starts" : string.Join(", ", options.EndPoints.Select(e => e.ToString()));
            findings.Add(Finding.Good(Check, FormattableString.Invariant($"{name}; {info.Server} {info.Version}, PING {ping.TotalMilliseconds:F1} ms")));
            findings.Add(info.Problem is null
                ? Finding.Good("redis scripts", "Lua scripts run atomically")
                : Finding.Bad("redis scripts", "the atomic commit is not possible", info.Problem));
            var server = redis.GetServers().First(s => s.IsConnected);
            findings.Add(embedded ? Finding.Good("redis persistence", "none: embedded, for trying out") : await PersistenceAsync(server));
        }
        catch (RedisException e)
        {
            findings.Add(Finding.Bad(Check, $"{string.Join(", ", options.EndPoints)}: {FirstSentence(e.Message)}", "Start Redis, or correct --redis / ConnectionStrings__redis; without either `up` starts an embedded server."));
        }

        return findings;
    }

    private static async Task<Finding> PersistenceAsync(IServer server)
    {
        const string Check = "redis persistence";
        try
        {
            var settings = (await server.ConfigGetAsync("*")).ToDictionary(pair => pair.Key, pair => pair.Value);
            var appendOnly = settings.GetValueOrDefault("appendonly");
            var policy = settings.GetValueOrDefault("maxmemory-policy");
            var detail = $"appendonly {appendOnly}, appendfsync {settings.GetValueOrDefault("appendfsync")}, save \"{settings.GetValueOrDefault("save")}\", maxmemory-policy {policy}";
            if (settings.GetValueOrDefault("maxmemory") is not (null or "0") && policy?.StartsWith("allkeys", StringComparison.Ordinal) == true)
            {
                return Finding.Bad(Check, detail, "Set maxmemory-policy noeviction: an evicted timeline is a lost timeline.");
            }

            return appendOnly == "yes"
                ? Finding.Good(Check, detail)
                : Finding.Good(Check, detail, "Set appendonly yes: a restart then loses a second at most; what is lost must be replayed from Kafka.");
        }
        catch (RedisException)
        {
            return Finding.Good(Check, "unknown: the server does not tell (CONFIG GET)", "Check that it appends to disk and does not evict.");
        }
    }

    private static string FirstSentence(string message) => message.Split(['\r', '\n'], 2)[0];
}
