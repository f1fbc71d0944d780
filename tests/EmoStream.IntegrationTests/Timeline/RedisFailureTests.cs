using EmoStream.Testing.Redis;
using EmoStream.Timeline.Commit;
using StackExchange.Redis;

namespace EmoStream.IntegrationTests.Timeline;

/// <summary>What a real server's death, restart and silence do to writers and followers.</summary>
public sealed class RedisFailureTests : IAsyncLifetime
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);

    private RedisServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipWhen(RedisServer.Executable is null, "redis-server is not on PATH");
        _server = await RedisServer.StartAsync("always");
    }

    public ValueTask DisposeAsync() => _server?.DisposeAsync() ?? default;

    [Fact]
    public async Task Commit_ServerKilledAmongCommits_EachIsThereWholeOrNotAtAllAndCanBeSentAgain()
    {
        await using var client = new TimelineClient(_server.ConnectionString);
        var conversations = Enumerable.Range(0, 16).Select(i => new Conversation(client.Store)).ToArray();
        await Task.WhenAll(conversations.Select(conversation => conversation.OpenAsync()));
        var random = new Random(17);
        var interrupted = 0;
        for (var round = 0; round < 6; round++)
        {
            var killAt = random.Next(50, 400);
            var acknowledged = 0;
            using var killed = new CancellationTokenSource();
            var killing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var writing = conversations.Select((conversation, i) => Task.Run(async () =>
            {
                var seed = new Random((round * 100) + i);
                while (true)
                {
                    var commit = conversation.Prepare(Enumerable.Range(0, 8).Select(_ => $"u{seed.Next(30)}").Distinct().ToArray());
                    commit = commit with { Rows = [.. commit.Entries.Select(entry => new KeyValuePair<string, byte[]>(entry.UtteranceId, new byte[1536]))] };
                    try
                    {
                        await conversation.SendAsync(commit);
                        if (Interlocked.Increment(ref acknowledged) >= killAt)
                        {
                            killing.TrySetResult();
                        }
                    }
                    catch (RedisException)
                    {
                        return commit;
                    }
                }
            })).ToArray();

            await killing.Task.WaitAsync(Timeout, TestContext.Current.CancellationToken);
            await _server.KillAsync();
            var pending = await Task.WhenAll(writing).WaitAsync(Timeout, TestContext.Current.CancellationToken);
            await _server.RestartAsync();

            await using var fresh = new TimelineClient(_server.ConnectionString);
            for (var i = 0; i < conversations.Length; i++)
            {
                var stored = await AssertWholeAsync(fresh, conversations[i], pending[i]);
                interrupted += stored == pending[i].Change ? 0 : 1;
                var again = await fresh.Store.CommitAsync(conversations[i].Id, pending[i]);
                Assert.Equal(stored == pending[i].Change ? CommitResult.AlreadyCommitted : CommitResult.Committed, again);
                Assert.Equal(pending[i].Change, await AssertWholeAsync(fresh, conversations[i], pending[i]));
            }

            // The next round goes on from what is stored, on the connection that lived through the kill.
            conversations = await Task.WhenAll(conversations.Zip(pending, (conversation, commit) => conversation.ResumeAsync(client.Store, commit)));
        }

        Assert.True(interrupted > 0, "no commit was cut off: the kill came too late to prove anything");
    }

    /// <summary>The conversation stands at its last acknowledged commit or at the pending one, with every part of the same age.</summary>
    private static async Task<long> AssertWholeAsync(TimelineClient client, Conversation conversation, TimelineCommit pending)
    {
        var keys = $"emostream:{{{conversation.Id}}}:";
        var timeline = await client.Reader.ReadAsync(conversation.Id);
        var change = timeline?.Change ?? 0;
        Assert.True(change == conversation.Change || change == pending.Change, $"stands at {change}, expected {conversation.Change} or {pending.Change}");
        var expected = conversation.Entries.ToDictionary(entry => entry.UtteranceId, entry => entry.Change);
        if (change == pending.Change)
        {
            foreach (var entry in pending.Entries)
            {
                expected[entry.UtteranceId] = entry.Change;
            }
        }

        Assert.Equal(expected.Order(Comparer), (timeline?.Entries ?? []).Select(entry => KeyValuePair.Create(entry.UtteranceId, entry.Change)).Order(Comparer));
        var feed = await client.Database.SortedSetRangeByRankWithScoresAsync(keys + "feed");
        Assert.Equal(expected.Order(Comparer), feed.Select(line => KeyValuePair.Create((string)line.Element!, (long)line.Score)).Order(Comparer));
        Assert.Equal(expected.Count, await client.Database.SortedSetLengthAsync(keys + "order"));
        Assert.Equal(expected.Count, await client.Database.HashLengthAsync(keys + "context"));
        var grain = (byte[]?)await client.Database.HashGetAsync(keys + "state", "grain");
        Assert.Equal(change, grain is null ? 0 : BitConverter.ToInt64(grain));
        return change;
    }

    private static readonly IComparer<KeyValuePair<string, long>> Comparer =
        Comparer<KeyValuePair<string, long>>.Create((left, right) => string.CompareOrdinal(left.Key, right.Key));

    [Fact]
    public async Task Follow_ServerKilledAndRestarted_GoesOn()
    {
        await using var client = new TimelineClient(_server.ConnectionString);
        var conversation = new Conversation(client.Store);
        await conversation.OpenAsync();
        using var limit = new CancellationTokenSource(Timeout);
        await using var entries = client.Reader.FollowAsync(conversation.Id, 0, limit.Token).GetAsyncEnumerator(limit.Token);
        for (var i = 1; i <= 3; i++)
        {
            var next = entries.MoveNextAsync();
            await _server.KillAsync();
            await _server.RestartAsync();
            var commit = conversation.Prepare($"u{i}");
            await AgainAsync(() => conversation.SendAsync(commit), limit.Token);

            Assert.True(await next);
            Assert.Equal(i, entries.Current.Change);
        }
    }

    [Fact]
    public async Task Follow_StartedWhileTheServerIsAway_StartsWhenItIsBack()
    {
        await using var client = new TimelineClient(_server.ConnectionString);
        var conversation = new Conversation(client.Store);
        await conversation.OpenAsync();
        await conversation.CommitAsync("u1");
        await _server.KillAsync();
        using var limit = new CancellationTokenSource(Timeout);
        await using var entries = client.Reader.FollowAsync(conversation.Id, 0, limit.Token).GetAsyncEnumerator(limit.Token);
        var next = entries.MoveNextAsync();
        await _server.RestartAsync();

        Assert.True(await next);
        Assert.Equal("u1", entries.Current.UtteranceId);
    }

    [Fact]
    public async Task Commit_ServerDoesNotAnswer_FailsWithoutQuotingTheConversation()
    {
        await using var client = new TimelineClient(_server.ConnectionString + ",syncTimeout=200,asyncTimeout=200");
        await using var admin = await ConnectionMultiplexer.ConnectAsync(_server.ConnectionString + ",allowAdmin=true");
        var conversation = new Conversation(client.Store, "Ana and Bob");
        await conversation.OpenAsync();
        await admin.GetServers()[0].ExecuteAsync("CLIENT", "PAUSE", "3000", "ALL");

        var exception = await Assert.ThrowsAnyAsync<Exception>(() => conversation.CommitAsync("u1"));

        Assert.IsType<RedisTimeoutException>(exception);
        Assert.DoesNotContain("Ana", exception.ToString(), StringComparison.Ordinal);
    }

    /// <summary>Sends until the connection is back; the client itself waits for it, so this does not spin.</summary>
    private static async Task AgainAsync(Func<Task<CommitResult>> send, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                var result = await send();
                Assert.True(result is CommitResult.Committed or CommitResult.AlreadyCommitted, $"{result}");
                return;
            }
            catch (Exception exception) when (exception is RedisException or RedisTimeoutException)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
    }
}
