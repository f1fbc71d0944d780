using EmoStream.Cli.Up;
using StackExchange.Redis;

namespace EmoStream.Tests.Cli.Up;

public sealed class EmbeddedRedisTests
{
    [Fact]
    public async Task Start_ServesHashesSortedSetsScriptsAndPubSub()
    {
        using var server = EmbeddedRedis.Start("64m");
        await using var redis = await ConnectionMultiplexer.ConnectAsync(server.ConnectionString);
        var db = redis.GetDatabase();
        var heard = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await redis.GetSubscriber().SubscribeAsync(RedisChannel.Literal("changes"), (_, message) => heard.TrySetResult(message.ToString()));

        var result = await db.ScriptEvaluateAsync(
            "redis.call('HSET', KEYS[1], 'f', ARGV[1]); redis.call('ZADD', KEYS[2], 5, 'm'); redis.call('PUBLISH', 'changes', '5'); return redis.call('HGET', KEYS[1], 'f')",
            ["{c}:h", "{c}:z"],
            ["value"]);

        Assert.Equal("value", result.ToString());
        Assert.Equal(5, await db.SortedSetScoreAsync("{c}:z", "m"));
        Assert.Equal("5", await heard.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Start_TwoServers_ListenOnDifferentPorts()
    {
        using var one = EmbeddedRedis.Start("64m");
        using var two = EmbeddedRedis.Start("64m");

        Assert.NotEqual(one.Port, two.Port);
    }
}
