using EmoStream.Cli.Up;
using EmoStream.Testing;
using EmoStream.Testing.Redis;
using EmoStream.Timeline.Connect;
using StackExchange.Redis;

namespace EmoStream.IntegrationTests.Timeline;

/// <summary>redis-server with its defaults.</summary>
public sealed class RedisTimelineServer : TimelineServer
{
    private RedisServer? _server;

    public override async ValueTask InitializeAsync()
    {
        if (RedisServer.Executable is null)
        {
            Missing = "redis-server is not on PATH";
            return;
        }

        _server = await RedisServer.StartAsync();
        ConnectionString = _server.ConnectionString;
    }

    public override ValueTask DisposeAsync() => _server?.DisposeAsync() ?? default;
}

/// <summary>
/// Valkey where valkey-server is on PATH; else redis-server with what differs in many Valkey deployments: RESP3,
/// a memory limit without eviction, small-collection encodings off, I/O threads, a short script time limit.
/// </summary>
public sealed class ValkeyTimelineServer : TimelineServer
{
    private RedisServer? _server;

    public override async ValueTask InitializeAsync()
    {
        if ((RedisServer.ValkeyExecutable ?? RedisServer.Executable) is not { } executable)
        {
            Missing = "neither valkey-server nor redis-server is on PATH";
            return;
        }

        _server = await RedisServer.StartAsync(
            "always",
            executable,
            "--maxmemory", "256mb",
            "--maxmemory-policy", "noeviction",
            "--hash-max-listpack-entries", "0",
            "--zset-max-listpack-entries", "0",
            "--io-threads", "2",
            "--lua-time-limit", "50");
        ConnectionString = _server.ConnectionString + ",protocol=resp3";
    }

    public override ValueTask DisposeAsync() => _server?.DisposeAsync() ?? default;
}

/// <summary>A cluster of one node that owns all slots: refuses keys that are undeclared or in different slots.</summary>
public sealed class RedisClusterTimelineServer : TimelineServer
{
    private RedisServer? _server;

    public override async ValueTask InitializeAsync()
    {
        if (RedisServer.Executable is null)
        {
            Missing = "redis-server is not on PATH";
            return;
        }

        _server = await RedisServer.StartAsync("everysec", null, "--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1");
        ConnectionString = _server.ConnectionString;
        await using var connection = await ConnectionMultiplexer.ConnectAsync(ConnectionString + ",allowAdmin=true");
        var node = connection.GetServer(connection.GetEndPoints()[0]);
        await node.ExecuteAsync("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
        await Eventually.TrueAsync(
            async _ => ((string)(await node.ExecuteAsync("CLUSTER", "INFO"))!).Contains("cluster_state:ok", StringComparison.Ordinal),
            () => "the cluster is whole");
    }

    public override ValueTask DisposeAsync() => _server?.DisposeAsync() ?? default;
}

/// <summary>The very Garnet that <c>emostream up</c> embeds.</summary>
public sealed class GarnetTimelineServer : TimelineServer
{
    private EmbeddedRedis? _server;

    public override ValueTask InitializeAsync()
    {
        _server = EmbeddedRedis.Start();
        ConnectionString = _server.ConnectionString;
        return default;
    }

    public override ValueTask DisposeAsync()
    {
        _server?.Dispose();
        return default;
    }
}

public sealed class RedisTimelineTests(RedisTimelineServer server) : TimelineConformance(server), IClassFixture<RedisTimelineServer>;

public sealed class ValkeyTimelineTests(ValkeyTimelineServer server) : TimelineConformance(server), IClassFixture<ValkeyTimelineServer>;

public sealed class RedisClusterTimelineTests(RedisClusterTimelineServer server) : TimelineConformance(server), IClassFixture<RedisClusterTimelineServer>;

public sealed class GarnetTimelineTests(GarnetTimelineServer server) : TimelineConformance(server), IClassFixture<GarnetTimelineServer>
{
    [Fact]
    public async Task Probe_GarnetWithoutLua_SaysHowToStartIt()
    {
        using var garnet = new UnfitGarnet();
        await using var client = new TimelineClient(garnet.ConnectionString);

        var found = await RedisProbe.RunAsync(client.Redis).WaitAsync(Timeout, TestContext.Current.CancellationToken);

        Assert.Equal("Garnet", found.Server);
        Assert.Contains("--lua", found.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Probe_GarnetWithoutTransactionMode_SeesThatScriptsInterleave()
    {
        using var garnet = new UnfitGarnet("--lua");
        await using var client = new TimelineClient(garnet.ConnectionString);

        var found = await RedisProbe.RunAsync(client.Redis).WaitAsync(Timeout, TestContext.Current.CancellationToken);

        Assert.Contains("--lua-transaction-mode", found.Problem, StringComparison.Ordinal);
    }
}
