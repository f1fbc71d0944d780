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
    public async Task Commit_AKeyIsOfAnotherType_NothingCountsAsAppliedUntilItIsRepaired(string part)
    {
        var conversation = await OpenAsync();
        var key = (RedisKey)$"emostream:{{{conversation.Id}}}:{part}";
        var commit = conversation.Prepare("u1") with { Rows = [new("u1", [1])], Speakers = [new() { SpeakerId = "s1", Utterances = 1 }] };
        await Client.Database.StringSetAsync(key, "not what belongs here");
        await Assert.ThrowsAnyAsync<RedisException>(() => conversation.SendAsync(commit));

        await Client.Database.KeyDeleteAsync(key);
        var state = await conversation.OpenAsync();
        Assert.Equal(0, state.Change);
        Assert.Empty(state.UtteranceIds);
        Assert.Empty(state.Offsets);
        Assert.Equal(CommitResult.Committed, await conversation.SendAsync(commit with { Epoch = state.Epoch }));
        AssertSame(commit.Entries, await FollowAsync(conversation.Id, 0, 1));
        Assert.Single((await conversation.OpenAsync()).Rows);
    }
}
