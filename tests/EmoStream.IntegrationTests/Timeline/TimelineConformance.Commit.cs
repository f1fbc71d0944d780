using System.Globalization;
using EmoStream.Timeline.Commit;
using StackExchange.Redis;

namespace EmoStream.IntegrationTests.Timeline;

public abstract partial class TimelineConformance
{
    [Fact]
    public async Task Open_NewConversation_IsEmpty()
    {
        var conversation = new Conversation(Client.Store);

        var state = await conversation.OpenAsync();

        Assert.Equal(0, state.Change);
        Assert.True(state.Epoch > 0);
        Assert.Empty(state.Offsets);
        Assert.Empty(state.Rows);
        Assert.Empty(state.Entries);
        Assert.Empty(state.UtteranceIds);
        Assert.Empty(state.Speakers);
        Assert.True(state.Grain.IsEmpty);
        Assert.Null(await Client.Reader.ReadAsync(conversation.Id));
    }

    [Fact]
    public async Task Open_AfterCommits_RestoresEverything()
    {
        var conversation = await OpenAsync();
        byte[] grain = [0, 1, 2, 0xFF, 0xFE, (byte)'\r', (byte)'\n', 0];
        byte[] row = [0xC3, 0x28, 0, 7];
        var first = conversation.Prepare("u1", "u2", "u3") with
        {
            Rows = [new("u1", [1]), new("u2", row), new("u3", [3])],
            Speakers = [new() { SpeakerId = "s1", DisplayName = "Ana", Utterances = 3 }, new() { SpeakerId = "s2", Utterances = 1 }],
        };
        await conversation.SendAsync(first);
        var second = conversation.Prepare("u4", "u2") with
        {
            Source = "another-topic/0",
            Offset = 12345678901234,
            Grain = grain,
            Rows = [new("u4", [4])],
            DroppedRows = ["u1", "unknown"],
            Speakers = [new() { SpeakerId = "s1", DisplayName = "Ana", Utterances = 4, SpeakingMs = 9000, Labels = new Dictionary<string, int> { ["joy"] = 4 } }],
        };
        await conversation.SendAsync(second);

        var state = await conversation.OpenAsync();

        Assert.True(state.Epoch > first.Epoch);
        Assert.Equal(5, state.Change);
        Assert.Equal(grain, state.Grain.ToArray());
        Assert.Equal(new Dictionary<string, long> { [Conversation.Source] = 3, ["another-topic/0"] = 12345678901234 }, state.Offsets);
        Assert.Equal(["u2", "u3", "u4"], state.Rows.Keys.Order());
        Assert.Equal(row, state.Rows["u2"]);
        Assert.Equal(["u1", "u2", "u3", "u4"], state.UtteranceIds);
        AssertSame([second.Entries[1], first.Entries[2], second.Entries[0]], state.Entries.OrderBy(pair => pair.Key).Select(pair => pair.Value));
        Assert.Equal(4, state.Speakers["s1"].Utterances);
        Assert.Equal(9000, state.Speakers["s1"].SpeakingMs);
        Assert.Equal(4, state.Speakers["s1"].Labels["joy"]);
        Assert.Equal(1, state.Speakers["s2"].Utterances);
    }

    [Fact]
    public async Task Commit_AfterAnotherActivationOpened_IsStaleAndChangesNothing()
    {
        var conversation = await OpenAsync();
        await conversation.CommitAsync("u1");
        var late = conversation.Prepare("u2", "u1");
        await new Conversation(Client.Store, conversation.Id).OpenAsync();

        Assert.Equal(CommitResult.Stale, await conversation.SendAsync(late));

        await AssertStandsAsync(conversation);
    }

    [Fact]
    public async Task Commit_OnAnotherChange_DivergesAndChangesNothing()
    {
        var conversation = await OpenAsync();
        await conversation.CommitAsync("u1");
        var lost = conversation.Prepare("u2");
        await conversation.CommitAsync("u3", "u4");

        Assert.Equal(CommitResult.Diverged, await conversation.SendAsync(lost));

        await AssertStandsAsync(conversation);
    }

    [Fact]
    public async Task Commit_WhenRedisLostAcknowledgedOnes_Diverges()
    {
        var conversation = await OpenAsync();
        await conversation.CommitAsync("u1");
        var state = $"emostream:{{{conversation.Id}}}:state";
        await conversation.CommitAsync("u2");
        await Client.Database.HashSetAsync(state, "change", 1);

        Assert.Equal(CommitResult.Diverged, await conversation.SendAsync(conversation.Prepare("u3")));
    }

    [Fact]
    public async Task Open_WhenRedisLostAnEarlierOpen_GivesNoEpochTwice()
    {
        var conversation = await OpenAsync();
        await conversation.CommitAsync("u1");
        var state = $"emostream:{{{conversation.Id}}}:state";
        var before = await Client.Database.HashGetAsync(state, "epoch");
        var pending = (await OpenAsync(conversation.Id)).Prepare("u1");
        await Client.Database.HashSetAsync(state, "epoch", before);
        await using var other = new TimelineClient(server.ConnectionString, new LaterTime());

        var reopened = await other.Store.OpenAsync(conversation.Id);

        Assert.NotEqual(pending.Epoch, reopened.Epoch);
    }

    private sealed class LaterTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddSeconds(1);
    }

    [Fact]
    public async Task Commit_SentTwice_IsRecognised()
    {
        var conversation = await OpenAsync();
        var commit = await conversation.CommitAsync("u1", "u2");

        Assert.Equal(CommitResult.AlreadyCommitted, await Client.Store.CommitAsync(conversation.Id, commit));

        await AssertStandsAsync(conversation);
    }

    [Fact]
    public async Task Commit_SentAgainAfterALaterOne_Diverges()
    {
        var conversation = await OpenAsync();
        var commit = await conversation.CommitAsync("u1");
        await conversation.CommitAsync("u2");

        Assert.Equal(CommitResult.Diverged, await Client.Store.CommitAsync(conversation.Id, commit));

        await AssertStandsAsync(conversation);
    }

    [Fact]
    public async Task Commit_WithoutEntries_StoresStateAndOffset()
    {
        var conversation = await OpenAsync();
        await conversation.CommitAsync("u1");
        var end = conversation.Prepare() with { Offset = 99, Grain = new byte[] { 42 } };

        Assert.Equal(CommitResult.Committed, await conversation.SendAsync(end));
        Assert.Equal(CommitResult.Committed, await conversation.SendAsync(end));

        var state = await conversation.OpenAsync();
        Assert.Equal(99, state.Offsets[Conversation.Source]);
        Assert.Equal([42], state.Grain.ToArray());
        Assert.Equal(1, state.Change);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(2_500)] // More values than one command takes from a script: they go in slices.
    public async Task Commit_ManyEntries_AreAllThere(int count)
    {
        var conversation = await OpenAsync();
        var ids = Enumerable.Range(0, count).Select(i => string.Create(CultureInfo.InvariantCulture, $"u{i}")).ToArray();
        var commit = conversation.Prepare(ids) with { Rows = [.. ids.Select(id => new KeyValuePair<string, byte[]>(id, new byte[1536]))] };
        await conversation.SendAsync(commit);
        await conversation.SendAsync(conversation.Prepare(ids[0]) with { DroppedRows = ids });

        var state = await conversation.OpenAsync();
        Assert.Equal(ids, state.UtteranceIds);
        Assert.Empty(state.Rows);
        await AssertStandsAsync(conversation);
        AssertSame(conversation.Feed, await FollowAsync(conversation.Id, 0, count));
    }

    public static TheoryData<string> UnusualIds =>
    [
        "with space", "quote\"and'apostrophe", "colon:and/slash", "[glob]*?", "line\r\nbreak", "nul\0byte", "Überraschung",
        "会議-七", "🙂👩‍👩‍👧", "$5\r\n*1", "%s\\n\\", "-1", "0", "+inf", "(1", new string('x', 256),
    ];

    [Theory]
    [MemberData(nameof(UnusualIds))]
    public async Task Commit_UnusualIds_ComeBackUnchanged(string text)
    {
        var conversation = await OpenAsync($"{Guid.NewGuid():N} {text}");
        var commit = conversation.Prepare(text) with
        {
            Rows = [new(text, [1])],
            Source = text,
            Speakers = [new() { SpeakerId = text, DisplayName = text }],
        };
        await conversation.SendAsync(commit);

        var state = await conversation.OpenAsync();
        Assert.Equal([text], state.UtteranceIds);
        Assert.Equal([text], state.Rows.Keys);
        Assert.Equal(text, state.Entries[text].UtteranceId);
        Assert.Equal(text, state.Speakers[text].DisplayName);
        Assert.Equal([text], state.Offsets.Keys);
        await AssertStandsAsync(conversation);
        AssertSame(conversation.Feed, await FollowAsync(conversation.Id, 0, 1));
        Assert.Equal(text, Assert.Single(await Client.Store.ReadEntriesAsync(conversation.Id, [text])).UtteranceId);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a{b")]
    [InlineData("a}b")]
    public async Task Open_IdThatBreaksTheHashTag_IsRefusedWithoutQuotingIt(string id)
    {
        var exception = await Assert.ThrowsAsync<ArgumentException>(() => Client.Store.OpenAsync(id));

        Assert.DoesNotContain("a{b", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Commit_ChangeNumbersWithAGap_AreRefusedBeforeTheyAreSent()
    {
        var conversation = await OpenAsync();
        var commit = conversation.Prepare("u1", "u2");

        await Assert.ThrowsAsync<ArgumentException>(() => conversation.SendAsync(commit with { Entries = [commit.Entries[1]] }));
        await Assert.ThrowsAsync<ArgumentException>(() => conversation.SendAsync(commit with { Change = 3 }));
    }

    [Fact]
    public async Task Commit_AfterScriptsWereFlushed_LoadsThemAgain()
    {
        var conversation = await OpenAsync();
        await conversation.CommitAsync("u1");
        await Client.Database.ExecuteAsync("SCRIPT", "FLUSH");

        await conversation.CommitAsync("u2");
        await conversation.CommitAsync("u3");

        await AssertStandsAsync(conversation);
    }

    [Fact]
    public async Task Commit_Numbers_ComeBackBitExact()
    {
        var random = new Random(7);
        float[] values =
        [
            0f, 1f, 1e-45f, float.MinValue, float.MaxValue, float.Epsilon, 0.1f, 1f / 3f, 0.30000001f, 16777217f,
            .. Enumerable.Range(0, 500).Select(_ => BitConverter.Int32BitsToSingle(random.Next())).Where(float.IsFinite),
        ];
        var conversation = await OpenAsync();
        var commit = conversation.Prepare("u1");
        var probabilities = values.Select((value, i) => (i, value)).ToDictionary(pair => pair.i.ToString(CultureInfo.InvariantCulture), pair => pair.value);
        var entry = commit.Entries[0] with { Probabilities = probabilities, Confidence = values[7], LatencyMs = new(0.1 + 0.2, 1e-300), StartMs = long.MaxValue };
        await conversation.SendAsync(commit with { Entries = [entry] });

        var stored = Assert.Single(await Client.Store.ReadEntriesAsync(conversation.Id, ["u1"]));

        Assert.All(probabilities, pair => Assert.Equal(
            BitConverter.SingleToInt32Bits(pair.Value), BitConverter.SingleToInt32Bits(stored.Probabilities[pair.Key])));
        Assert.Equal(entry.LatencyMs, stored.LatencyMs);
        Assert.Equal(entry.StartMs, stored.StartMs);
        Assert.Equal(entry.Confidence, stored.Confidence);
    }

    [Fact]
    public async Task ReadEntries_OneUnknown_SaysSoWithoutNamingIt()
    {
        var conversation = await OpenAsync();
        await conversation.CommitAsync("u1");

        var exception = await Assert.ThrowsAsync<InvalidDataException>(() => Client.Store.ReadEntriesAsync(conversation.Id, ["u1", "unknown"]));

        Assert.DoesNotContain("unknown", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Commit_ServerError_DoesNotQuoteTheConversation()
    {
        var conversation = await OpenAsync("Ana and Bob");
        var commit = conversation.Prepare("u1");
        await Client.Database.KeyDeleteAsync("emostream:{Ana and Bob}:state");
        await Client.Database.StringSetAsync("emostream:{Ana and Bob}:state", "not a hash");

        var exception = await Assert.ThrowsAsync<RedisServerException>(() => conversation.SendAsync(commit));

        Assert.DoesNotContain("Ana", exception.ToString(), StringComparison.Ordinal);
        await Client.Database.KeyDeleteAsync("emostream:{Ana and Bob}:state");
    }

    /// <summary>What the server holds is what was committed, and the parts of the view agree.</summary>
    private async Task AssertStandsAsync(Conversation conversation)
    {
        var timeline = await Client.Reader.ReadAsync(conversation.Id);
        Assert.NotNull(timeline);
        Assert.Equal(conversation.Change, timeline.Change);
        AssertSame(conversation.Entries, timeline.Entries);
    }
}
