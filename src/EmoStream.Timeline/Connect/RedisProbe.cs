using StackExchange.Redis;

namespace EmoStream.Timeline.Connect;

/// <summary>What a Redis-protocol server turned out to be.</summary>
/// <param name="Server">Redis, Valkey, Garnet ..., by its own report.</param>
/// <param name="Version">Its own version; empty when it does not tell.</param>
/// <param name="Problem">Why EmoStream cannot use it and what to do; null when it can.</param>
public sealed record RedisServerInfo(string Server, string Version, string? Problem);

/// <summary>Asks a server what it is and whether it can do what the commit needs: Lua scripts that run atomically.</summary>
public static class RedisProbe
{
    /// <summary>Probes the server behind a connection; throws what Redis throws when it cannot be reached.</summary>
    public static async Task<RedisServerInfo> RunAsync(IConnectionMultiplexer redis)
    {
        var database = redis.GetDatabase();
        await database.PingAsync(); // Throws here when nobody is there; what follows is known once it has answered.
        var (variant, version) = redis.GetServers()
            .Where(server => server.IsConnected)
            .Select(server => (server.GetProductVariant(out var text), text))
            .FirstOrDefault((ProductVariant.Redis, ""));
        return new RedisServerInfo(variant.ToString(), version, await FindProblemAsync(redis, database, variant));
    }

    private static async Task<string?> FindProblemAsync(IConnectionMultiplexer redis, IDatabase database, ProductVariant server)
    {
        try
        {
            await database.ScriptEvaluateAsync("return 1");
        }
        catch (RedisServerException exception)
        {
            return server == ProductVariant.Garnet
                ? "This Garnet runs without Lua scripts: start it with --lua --lua-transaction-mode."
                : $"This server does not run Lua scripts, which the atomic commit needs ({exception.Kind}).";
        }

        // Everybody but Garnet runs scripts one at a time by nature.
        return server == ProductVariant.Garnet && await InterleavesAsync(redis, database)
            ? "This Garnet lets other commands in between those of a Lua script, which breaks the atomic commit: start it with --lua-transaction-mode."
            : null;
    }

    /// <summary>Garnet tells its transaction mode nowhere, so it is watched: a script looks at a key that a second connection changes.</summary>
    private static async Task<bool> InterleavesAsync(IConnectionMultiplexer redis, IDatabase database)
    {
        RedisKey key = $"emostream:probe:{{{Guid.NewGuid():N}}}";
        await using var second = await ConnectionMultiplexer.ConnectAsync(ConfigurationOptions.Parse(redis.Configuration));
        var other = second.GetDatabase();
        await other.PingAsync();
        var watching = database.ScriptEvaluateAsync(LuaScripts.Interleave, [key]);
        while (!watching.IsCompleted)
        {
            await other.StringIncrementAsync(key);
        }

        var interleaved = (int)await watching == 1;
        await database.KeyDeleteAsync(key);
        return interleaved;
    }
}
