using EmoStream.Contracts;
using EmoStream.Contracts.Timeline;
using EmoStream.Testing;
using EmoStream.Timeline.Read;
using Microsoft.Extensions.Time.Testing;
using StackExchange.Redis;

namespace EmoStream.IntegrationTests.Timeline;

public abstract partial class TimelineConformance
{
    [Fact]
    public async Task Follow_FromEveryChange_GivesEachEntrysLatestStateOnceInOrder()
    {
        var conversation = await OpenAsync();
        var random = new Random(11);
        while (conversation.Change < 60)
        {
            await conversation.CommitAsync(Enumerable.Range(0, random.Next(1, 6)).Select(_ => $"u{random.Next(25)}").Distinct().ToArray());
        }

        for (var after = 0; after < conversation.Change; after++)
        {
            var expected = conversation.Feed.Where(entry => entry.Change > after).ToArray();
            AssertSame(expected, await FollowAsync(conversation.Id, after, expected.Length));
        }
    }

    [Fact]
    public async Task Follow_MoreThanAPage_GivesAll()
    {
        var conversation = await OpenAsync();
        await conversation.CommitAsync(Enumerable.Range(0, 1024).Select(i => $"u{i}").ToArray());
        await conversation.CommitAsync("u0", "u700");

        AssertSame(conversation.Feed, await FollowAsync(conversation.Id, 0, 1024));
    }

    [Fact]
    public async Task Follow_Live_SeesCommitsOfAnotherProcess()
    {
        await using var writer = new TimelineClient(server.ConnectionString);
        var conversation = new Conversation(writer.Store);
        await conversation.OpenAsync();

        // Time stands still for the follower: only notifications wake it.
        await using var follower = new TimelineClient(server.ConnectionString, new FakeTimeProvider());
        using var limit = new CancellationTokenSource(Timeout);
        await using var entries = follower.Reader.FollowAsync(conversation.Id, 0, limit.Token).GetAsyncEnumerator(limit.Token);
        for (var i = 1; i <= 20; i++)
        {
            var next = entries.MoveNextAsync();
            var commit = await conversation.CommitAsync($"u{i % 3}");
            Assert.True(await next);
            AssertSame(commit.Entries, [entries.Current]);
        }
    }

    [Fact]
    public async Task Follow_TwoFollowersOfOneConversation_ShareOneSubscriptionAndBothSeeAll()
    {
        var conversation = await OpenAsync();
        var first = FollowAsync(conversation.Id, 0, 10);
        var second = FollowAsync(conversation.Id, 0, 10);
        for (var i = 0; i < 10; i++)
        {
            await conversation.CommitAsync($"u{i}");
        }

        AssertSame(conversation.Feed, await first);
        AssertSame(conversation.Feed, await second);

        // Idle subscriptions linger until the next recheck, so the server still counts the one that both shared.
        Assert.Equal(1, await SubscriptionsAsync(conversation.Id));
    }

    [Fact]
    public async Task Follow_AfterTheLastFollowerLeft_UnsubscribesAndCanComeBack()
    {
        var clock = new FakeTimeProvider();
        await using var client = new TimelineClient(server.ConnectionString, clock);
        var conversation = await OpenAsync();
        await conversation.CommitAsync("u1");
        for (var round = 0; round < 3; round++)
        {
            using var limit = new CancellationTokenSource(Timeout);
            await foreach (var entry in client.Reader.FollowAsync(conversation.Id, 0, limit.Token))
            {
                AssertSame(conversation.Entries, [entry]);
                break;
            }

            clock.Advance(TimeSpan.FromSeconds(5));
            await Eventually.TrueAsync(async _ => await SubscriptionsAsync(conversation.Id) == 0, () => "nobody is subscribed any more");
        }
    }

    [Fact]
    public async Task Follow_WhenANotificationIsLost_LooksAgainByItself()
    {
        var clock = new FakeTimeProvider();
        await using var client = new TimelineClient(server.ConnectionString, clock);
        var conversation = await OpenAsync();
        await conversation.CommitAsync("u1");
        using var limit = new CancellationTokenSource(Timeout);
        await using var entries = client.Reader.FollowAsync(conversation.Id, 0, limit.Token).GetAsyncEnumerator(limit.Token);
        Assert.True(await entries.MoveNextAsync());
        var next = entries.MoveNextAsync();

        // A commit whose notification nobody gets: the same writes without the PUBLISH.
        var silent = conversation.Prepare("u2").Entries[0];
        var keys = $"emostream:{{{conversation.Id}}}:";
        await Client.Database.HashSetAsync(keys + "entries", "u2", System.Text.Json.JsonSerializer.Serialize(silent, ContractsJson.Default.TimelineEntry));
        await Client.Database.SortedSetAddAsync(keys + "feed", "u2", 2);
        await Client.Database.HashSetAsync(keys + "state", "change", 2);
        Assert.False(next.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(5));

        Assert.True(await next);
        AssertSame([silent], [entries.Current]);
    }

    [Fact]
    public async Task Follow_CommitWhileTheConsumerIsBusy_IsNotMissed()
    {
        await using var client = new TimelineClient(server.ConnectionString, new FakeTimeProvider());
        var conversation = await OpenAsync();
        await conversation.CommitAsync("u1");
        using var limit = new CancellationTokenSource(Timeout);
        await using var busy = client.Reader.FollowAsync(conversation.Id, 0, limit.Token).GetAsyncEnumerator(limit.Token);
        await using var witness = client.Reader.FollowAsync(conversation.Id, 0, limit.Token).GetAsyncEnumerator(limit.Token);
        Assert.True(await busy.MoveNextAsync());
        Assert.True(await witness.MoveNextAsync());
        var seen = witness.MoveNextAsync();

        // Once the witness has u2, the shared notification has come and gone, and no other will: time stands still.
        var commit = await conversation.CommitAsync("u2");
        Assert.True(await seen);

        Assert.True(await busy.MoveNextAsync());
        AssertSame(commit.Entries, [busy.Current]);
    }

    [Fact]
    public async Task Follow_TokenAheadOfTheConversation_IsReported()
    {
        var conversation = await OpenAsync();
        await conversation.CommitAsync("u1", "u2");

        var exception = await Assert.ThrowsAsync<TimelineRewoundException>(() => FollowAsync(conversation.Id, 3, 1));

        Assert.Equal((3, 2), (exception.Token, exception.Change));
        exception = await Assert.ThrowsAsync<TimelineRewoundException>(() => FollowAsync($"never seen {Guid.NewGuid()}", 1, 1));
        Assert.Equal(0, exception.Change);
    }

    [Fact]
    public async Task Follow_UnknownConversation_WaitsForItsFirstEntry()
    {
        var conversation = new Conversation(Client.Store);
        var following = FollowAsync(conversation.Id, 0, 1);
        await conversation.OpenAsync();
        await conversation.CommitAsync("u1");

        AssertSame(conversation.Entries, await following);
    }

    [Fact]
    public async Task Follow_Cancelled_Ends()
    {
        using var cancellation = new CancellationTokenSource();
        await using var entries = Client.Reader.FollowAsync((await OpenAsync()).Id, 0, cancellation.Token).GetAsyncEnumerator(cancellation.Token);
        var next = entries.MoveNextAsync();
        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await next);
    }

    [Fact]
    public async Task Follow_WhileCommitsRace_LosesAndRepeatsNothing()
    {
        await using var writer = new TimelineClient(server.ConnectionString);
        var conversation = new Conversation(writer.Store);
        await conversation.OpenAsync();
        var followers = Enumerable.Range(0, 4).Select(_ => Task.Run(() => FollowToAsync(conversation.Id, 500))).ToArray();
        var random = new Random(5);
        while (conversation.Change < 500)
        {
            var rest = (int)Math.Min(500 - conversation.Change, random.Next(1, 8));
            await conversation.CommitAsync(Enumerable.Range(0, 100).OrderBy(_ => random.Next()).Take(rest).Select(i => $"u{i}").ToArray());
        }

        foreach (var follower in followers)
        {
            var seen = await follower;
            Assert.Equal(seen.Select(entry => entry.Change).Order().Distinct(), seen.Select(entry => entry.Change));
            AssertSame(conversation.Feed, seen.GroupBy(entry => entry.UtteranceId).Select(group => group.Last()).OrderBy(entry => entry.Change));
        }
    }

    private async Task<List<TimelineEntry>> FollowToAsync(string conversationId, long change)
    {
        var entries = new List<TimelineEntry>();
        using var limit = new CancellationTokenSource(Timeout);
        await foreach (var entry in Client.Reader.FollowAsync(conversationId, 0, limit.Token))
        {
            entries.Add(entry);
            if (entry.Change == change)
            {
                break;
            }
        }

        return entries;
    }

    private async Task<long> SubscriptionsAsync(string conversationId)
    {
        var reply = (RedisResult[])(await Client.Database.ExecuteAsync("PUBSUB", "NUMSUB", $"emostream:{{{conversationId}}}:changes"))!;
        return (long)reply[1];
    }
}
