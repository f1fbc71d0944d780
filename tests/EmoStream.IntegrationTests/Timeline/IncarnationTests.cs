using EmoStream.Testing;
using EmoStream.Testing.Redis;
using EmoStream.Timeline.Commit;
using EmoStream.Timeline.Incarnation;
using StackExchange.Redis;

namespace EmoStream.IntegrationTests.Timeline;

/// <summary>Redis loses what it had acknowledged: nothing is written on top before everybody knows.</summary>
public sealed class IncarnationTests : IAsyncLifetime
{
    private const string Source = "topic-id/3";

    private RedisServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipWhen(RedisServer.Executable is null, "redis-server is not on PATH");
        _server = await RedisServer.StartAsync("always");
    }

    public ValueTask DisposeAsync() => _server?.DisposeAsync() ?? default;

    [Fact]
    public async Task Commit_AfterARestart_RefusedUntilTheBatchIsOfTheNewLife()
    {
        await using var client = new TimelineClient(_server.ConnectionString);
        var before = await ClaimAsync(client);
        var conversation = new Conversation(client.Store);
        await conversation.OpenAsync();
        var late = conversation.Prepare("u1");

        await _server.KillAsync();
        await _server.RestartAsync();

        // Epoch and change are those that the commit builds on: nothing but the life speaks against it.
        Assert.Equal(CommitResult.Fenced, await WhenConnectedAsync(() => conversation.SendAsync(late, before.Life)));
        Assert.Null(await client.Store.OpenAsync(conversation.Id, before.Life));
        Assert.Null(await client.Reader.ReadAsync(conversation.Id));
        var after = await ClaimAsync(client);
        Assert.NotEqual(before.Life, after.Life);
        Assert.NotNull(await client.Store.OpenAsync(conversation.Id, after.Life));
        await conversation.OpenAsync();
        Assert.Equal(CommitResult.Committed, await conversation.SendAsync(conversation.Prepare("u1"), after.Life));
    }

    [Fact]
    public async Task Claim_AfterTheEndOfTheFilesWasLost_PositionGoesBackWithWhatItCovers()
    {
        await using var client = new TimelineClient(_server.ConnectionString);
        var conversation = new Conversation(client.Store);
        await conversation.OpenAsync();
        var claimed = await ClaimAsync(client);
        await conversation.CommitAsync("u1");
        Assert.True(await client.Watermarks.AdvanceAsync(Source, claimed.Life, claimed.Epoch, 1));
        using var copy = await AppendOnlyCopy.TakeAsync(_server);
        await conversation.CommitAsync("u2");
        Assert.True(await client.Watermarks.AdvanceAsync(Source, claimed.Life, claimed.Epoch, 2));

        await copy.RestoreAsync();

        Assert.Null(await WhenConnectedAsync(() => client.Watermarks.AdvanceAsync(Source, claimed.Life, claimed.Epoch, 3)));
        var again = await ClaimAsync(client);
        Assert.Equal((1L, false), (again.Offset, again.IsSure));
        Assert.Single((await client.Reader.ReadAsync(conversation.Id))!.Entries);
        Assert.True(await client.Watermarks.AdvanceAsync(Source, again.Life, again.Epoch, 2));
        Assert.True((await ClaimAsync(client)).IsSure);
    }

    [Fact]
    public async Task Lost_NobodyWrites_SignalledAllTheSame()
    {
        await using var client = new TimelineClient(_server.ConnectionString);
        var claimed = await ClaimAsync(client);
        var lost = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var listening = client.Watermarks.Lost.RegisterChangeCallback(_ => lost.SetResult(), null);

        await _server.KillAsync();
        await _server.RestartAsync();

        await lost.Task.WaitAsync(Eventually.Timeout, TestContext.Current.CancellationToken);
        Assert.NotEqual(claimed.Life, (await ClaimAsync(client)).Life);
    }

    [Fact]
    public async Task Commit_ConnectionLostAndTheSameProcessStillThere_GoesOnInItsLife()
    {
        await using var client = new TimelineClient(_server.ConnectionString);
        var claimed = await ClaimAsync(client);
        var lost = client.Watermarks.Lost;
        var conversation = new Conversation(client.Store);
        await conversation.OpenAsync();
        await using (var admin = await ConnectionMultiplexer.ConnectAsync(_server.ConnectionString + ",allowAdmin=true"))
        {
            await admin.GetServers()[0].ExecuteAsync("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        }

        Assert.Equal(CommitResult.Committed, await WhenConnectedAsync(() => conversation.SendAsync(conversation.Prepare("u1"), claimed.Life)));

        Assert.False(lost.HasChanged);
        Assert.Equal(claimed.Life, (await ClaimAsync(client)).Life);
    }

    [Fact]
    public async Task Claim_ManyAtOnce_AgreeOnTheLife()
    {
        var clients = Enumerable.Range(0, 4).Select(_ => new TimelineClient(_server.ConnectionString)).ToArray();
        try
        {
            var claims = await Task.WhenAll(clients.Select(ClaimAsync));
            Assert.Single(claims.Select(claim => claim.Life).Distinct());
            Assert.Equal(claims.Length, claims.Select(claim => claim.Epoch).Distinct().Count());
            await _server.KillAsync();
            await _server.RestartAsync();
            var again = await Task.WhenAll(clients.Select(client => WhenConnectedAsync(() => ClaimAsync(client))));
            // Who claimed last may have been told by the first ones that ask; all end in one life.
            var settled = await Task.WhenAll(clients.Select(ClaimAsync));
            Assert.Single(settled.Select(claim => claim.Life).Distinct());
            Assert.DoesNotContain(claims[0].Life, settled.Select(claim => claim.Life));
            Assert.Equal(again.Length, again.Select(claim => claim.Epoch).Distinct().Count());
        }
        finally
        {
            foreach (var client in clients)
            {
                await client.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task Commit_ReplicaThatLaggedTookOver_RefusedUntilTheBatchIsOfTheNewLife()
    {
        await using var replica = await RedisServer.StartAsync("always", null, "--replicaof", $"127.0.0.1 {_server.Port}");
        await using var admin = await ConnectionMultiplexer.ConnectAsync(replica.ConnectionString + ",allowAdmin=true");
        await using var client = new TimelineClient($"{_server.ConnectionString},{replica.ConnectionString},configCheckSeconds=1");
        var claimed = await ClaimAsync(client);
        var conversation = new Conversation(client.Store);
        await conversation.OpenAsync();
        Assert.Equal(CommitResult.Committed, await conversation.SendAsync(conversation.Prepare("u1"), claimed.Life));
        var state = $"emostream:{{{conversation.Id}}}:state";
        await Eventually.TrueAsync(
            async _ => await admin.GetDatabase().HashGetAsync(state, "change", CommandFlags.PreferReplica) == 1,
            () => "the replica has the first commit");

        // The link to the primary is cut: what follows is acknowledged and not replicated.
        await admin.GetServers()[0].ExecuteAsync("REPLICAOF", "127.0.0.1", "1");
        Assert.Equal(CommitResult.Committed, await conversation.SendAsync(conversation.Prepare("u2"), claimed.Life));
        var late = new Conversation(client.Store);
        var beyond = late.Prepare("u1") with { Epoch = 0 };
        await _server.KillAsync();
        await admin.GetServers()[0].ExecuteAsync("REPLICAOF", "NO", "ONE");

        Assert.Equal(CommitResult.Fenced, await WhenConnectedAsync(() => late.SendAsync(beyond, claimed.Life)));
        Assert.NotEqual(claimed.Life, (await ClaimAsync(client)).Life);
        Assert.Equal(["u1"], (await client.Reader.ReadAsync(conversation.Id))!.Entries.Select(entry => entry.UtteranceId));
    }

    [Fact]
    public async Task ReadEntries_OnlyAReplicaIsLeft_RefusedAsItMayLag()
    {
        await using var replica = await RedisServer.StartAsync("always", null, "--replicaof", $"127.0.0.1 {_server.Port}");
        await using var client = new TimelineClient($"{_server.ConnectionString},{replica.ConnectionString},configCheckSeconds=1");
        var conversation = new Conversation(client.Store);
        await conversation.OpenAsync();
        await conversation.CommitAsync("u1");
        var entries = $"emostream:{{{conversation.Id}}}:entries";
        await Eventually.TrueAsync(
            async _ => await client.Database.HashExistsAsync(entries, "u1", CommandFlags.DemandReplica), () => "the replica has the commit");

        await _server.KillAsync();

        // Other reads go to the replica meanwhile.
        Assert.True(await WhenConnectedAsync(() => client.Database.HashExistsAsync(entries, "u1")));
        await Assert.ThrowsAsync<RedisConnectionException>(() => client.Store.ReadEntriesAsync(conversation.Id, ["u1"]));
    }

    /// <summary>Sends until the client has found its server again.</summary>
    private static async Task<T> WhenConnectedAsync<T>(Func<Task<T>> send)
    {
        var result = default(T);
        await Eventually.TrueAsync(
            async _ =>
            {
                try
                {
                    result = await send();
                    return true;
                }
                catch (Exception exception) when (exception is RedisException or RedisTimeoutException or RedisCommandException)
                {
                    return false;
                }
            },
            () => "the connection is back");
        return result!;
    }

    private static async Task<Watermark> ClaimAsync(TimelineClient client) => (await client.Watermarks.ClaimAsync(Source))!;
}
