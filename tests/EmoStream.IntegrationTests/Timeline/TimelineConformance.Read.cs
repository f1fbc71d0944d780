using EmoStream.Contracts.Timeline;
using EmoStream.Timeline.Commit;
using EmoStream.Timeline.Connect;
using Microsoft.Extensions.Time.Testing;

namespace EmoStream.IntegrationTests.Timeline;

public abstract partial class TimelineConformance
{
    [Fact]
    public async Task Probe_SupportedServer_HasNoProblem()
    {
        var found = await RedisProbe.RunAsync(Client.Redis).WaitAsync(Timeout, TestContext.Current.CancellationToken);

        Assert.Null(found.Problem);
        Assert.NotEmpty(found.Version);
    }

    [Fact]
    public async Task Read_WhileCommitsRun_NeverSeesAHalf()
    {
        // Readers on connections of their own, and enough entries that reading them takes a while: what is not atomic gets cut in two.
        const int Utterances = 300;
        var conversation = await OpenAsync();
        await conversation.CommitAsync(Enumerable.Range(0, Utterances).Select(i => $"u{i}"));
        var random = new Random(3);
        var reads = 0;
        var writing = Task.Run(
            async () =>
            {
                for (var i = 0; i < 300 || Volatile.Read(ref reads) < 60; i++)
                {
                    var ids = Enumerable.Range(0, 5).Select(_ => $"u{random.Next(Utterances)}").Distinct().ToArray();
                    var commit = conversation.Prepare(ids);
                    var speaker = new SpeakerAggregate { SpeakerId = "s1", SpeakingMs = commit.Change };
                    Assert.Equal(CommitResult.Committed, await conversation.SendAsync(commit with { Speakers = [speaker] }));
                }
            },
            TestContext.Current.CancellationToken);
        var reading = Enumerable.Range(0, 3).Select(_ => Task.Run(
            async () =>
            {
                await using var other = new TimelineClient(server.ConnectionString);
                while (!writing.IsCompleted)
                {
                    var timeline = (await other.Reader.ReadAsync(conversation.Id))!;
                    Assert.Equal(timeline.Change, timeline.Entries.Max(entry => entry.Change));
                    Assert.Equal(Utterances, timeline.Entries.Select(entry => entry.Change).Distinct().Count());
                    Assert.Equal(Enumerable.Range(0, Utterances).Select(i => (long)i), timeline.Entries.Select(entry => entry.Sequence));
                    Assert.All(timeline.Speakers, speaker => Assert.Equal(timeline.Change, speaker.SpeakingMs));
                    Interlocked.Increment(ref reads);
                }
            },
            TestContext.Current.CancellationToken)).ToArray();

        await Task.WhenAll(reading).WaitAsync(Timeout, TestContext.Current.CancellationToken);
        await writing;
        await AssertStandsAsync(conversation);
    }

    [Fact]
    public async Task Read_Speakers_AreTheLatestAggregates()
    {
        var conversation = await OpenAsync();
        await conversation.SendAsync(conversation.Prepare("u1") with { Speakers = [new() { SpeakerId = "s1", Utterances = 1 }] });
        await conversation.SendAsync(conversation.Prepare("u2") with
        {
            Speakers = [new() { SpeakerId = "s1", Utterances = 2, Role = "host" }, new() { SpeakerId = "s2", Utterances = 1 }],
        });

        var timeline = (await Client.Reader.ReadAsync(conversation.Id))!;

        Assert.Equal([("s1", 2, "host"), ("s2", 1, null)], timeline.Speakers.Select(s => (s.SpeakerId, s.Utterances, s.Role)).Order());
    }

    [Fact]
    public async Task List_OrderAndPages_FollowTheLatestActivity()
    {
        // Far enough in the future to stand before whatever the other tests leave.
        var clock = new FakeTimeProvider(new DateTimeOffset(2100, 1, 1, 0, 0, 0, TimeSpan.Zero));
        await using var client = new TimelineClient(server.ConnectionString, clock);
        var conversations = new List<Conversation>();
        for (var i = 0; i < 5; i++)
        {
            var conversation = new Conversation(client.Store);
            await conversation.OpenAsync();
            await conversation.CommitAsync(Enumerable.Range(0, i + 1).Select(n => $"u{n}"));
            conversations.Add(conversation);
            clock.Advance(TimeSpan.FromSeconds(1));
        }

        await conversations[1].CommitAsync("u0");
        int[] expected = [1, 4, 3, 2, 0];

        var all = await Client.Reader.ListAsync(0, 5);
        var pages = new[] { await Client.Reader.ListAsync(0, 2), await Client.Reader.ListAsync(2, 2), await Client.Reader.ListAsync(4, 1) };

        Assert.Equal(expected.Select(i => conversations[i].Id), all.Select(summary => summary.ConversationId));
        Assert.Equal(expected.Select(i => i + 1L), all.Select(summary => summary.Utterances));
        Assert.Equal(clock.GetUtcNow(), all[0].LastActivity);
        Assert.Equal(all, pages.SelectMany(page => page));
        Assert.Empty(await Client.Reader.ListAsync(int.MaxValue, int.MaxValue));
        await Client.Database.SortedSetRemoveAsync("emostream:conversations", [.. conversations.Select(c => (StackExchange.Redis.RedisValue)c.Id)]);
    }

    [Fact]
    public async Task Open_AfterTheIndexLostTheConversation_ListsItAgain()
    {
        var conversation = await OpenAsync();
        await conversation.CommitAsync("u1");
        await Client.Database.SortedSetRemoveAsync("emostream:conversations", conversation.Id);

        await conversation.OpenAsync();

        Assert.NotNull(await Client.Database.SortedSetScoreAsync("emostream:conversations", conversation.Id));
    }

    [Fact]
    public async Task Commit_AfterTheConversationWasErased_IsStaleAndListsNothing()
    {
        var conversation = await OpenAsync();
        await conversation.CommitAsync("u1");
        var late = conversation.Prepare("u2");
        foreach (var part in new[] { "state", "context", "entries", "order", "feed", "speakers" })
        {
            await Client.Database.KeyDeleteAsync($"emostream:{{{conversation.Id}}}:{part}");
        }

        Assert.Equal(CommitResult.Stale, await conversation.SendAsync(late));

        Assert.Null(await Client.Reader.ReadAsync(conversation.Id));
        Assert.Null(await Client.Database.SortedSetScoreAsync("emostream:conversations", conversation.Id));
    }
}
