using EmoStream.Timeline.Commit;
using StackExchange.Redis;

namespace EmoStream.IntegrationTests.Timeline;

/// <content>A script that fails in the middle undoes nothing.</content>
public abstract partial class TimelineConformance
{
    [Theory]
    [InlineData("context")]
    [InlineData("entries")]
    [InlineData("order")]
    [InlineData("feed")]
    [InlineData("speakers")]
    public async Task Commit_AKeyIsOfAnotherType_NothingIsWrittenUntilItIsRepaired(string part)
    {
        var conversation = await OpenAsync();
        await conversation.SendAsync(Complete(conversation.Prepare("u1"), 1));
        var before = await conversation.OpenAsync();
        var revision = Complete(conversation.Prepare("u2", "u1"), 2);
        var key = $"emostream:{{{conversation.Id}}}:{part}";
        var kept = key + "-kept";
        await Client.Database.KeyRenameAsync(key, kept);
        await Client.Database.StringSetAsync(key, "not what belongs here");
        await Assert.ThrowsAnyAsync<RedisException>(() => conversation.SendAsync(revision));

        await Client.Database.KeyRenameAsync(kept, key);
        var after = await conversation.OpenAsync();
        Assert.Equal((before.Change, before.Offsets[Conversation.Source]), (after.Change, after.Offsets[Conversation.Source]));
        Assert.Equal(before.UtteranceIds, after.UtteranceIds);
        Assert.Equal(before.Rows.Keys, after.Rows.Keys);
        AssertSame(before.Entries.Values, after.Entries.Values);
        Assert.Equal(before.Speakers["s1"].Utterances, after.Speakers["s1"].Utterances);
        AssertSame(conversation.Feed, await FollowAsync(conversation.Id, 0, 1));
        Assert.Equal(CommitResult.Committed, await conversation.SendAsync(revision with { Epoch = after.Epoch }));
        AssertSame(conversation.Feed, await FollowAsync(conversation.Id, 0, 2));
    }

    private static TimelineCommit Complete(TimelineCommit commit, int utterances) => commit with
    {
        Rows = [.. commit.Entries.Select(entry => KeyValuePair.Create(entry.UtteranceId, new byte[] { 1 }))],
        Speakers = [new() { SpeakerId = "s1", Utterances = utterances }],
    };
}
