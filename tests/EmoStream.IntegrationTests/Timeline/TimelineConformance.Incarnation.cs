namespace EmoStream.IntegrationTests.Timeline;

public abstract partial class TimelineConformance
{
    [Fact]
    public async Task Claim_AnotherOwnerSince_FormerOneIsRefused()
    {
        var source = $"topic/{Guid.NewGuid():N}";
        var first = await Client.Watermarks.ClaimAsync(source);
        Assert.Null(first.Offset);
        Assert.True(await Client.Watermarks.AdvanceAsync(source, first.Life, first.Epoch, 10));
        var second = await Client.Watermarks.ClaimAsync(source);

        Assert.True(second.Epoch > first.Epoch);
        Assert.Equal((10L, true), (second.Offset, second.IsSure));
        Assert.False(await Client.Watermarks.AdvanceAsync(source, first.Life, first.Epoch, 11));
        Assert.True(await Client.Watermarks.AdvanceAsync(source, second.Life, second.Epoch, 12));
        Assert.Equal(12, (await Client.Watermarks.ClaimAsync(source)).Offset);
    }

    [Fact]
    public async Task Claim_OnAnotherConnection_SameLife()
    {
        await using var other = new TimelineClient(server.ConnectionString);
        var source = $"topic/{Guid.NewGuid():N}";

        Assert.Equal((await Client.Watermarks.ClaimAsync(source)).Life, (await other.Watermarks.ClaimAsync(source)).Life);
    }

    [Fact]
    public async Task Commit_BatchOfAnotherLife_RefusedAndNothingWritten()
    {
        var conversation = await OpenAsync();

        Assert.Equal(EmoStream.Timeline.Commit.CommitResult.Fenced, await conversation.SendAsync(conversation.Prepare("u1"), "another life"));

        Assert.Null(await Client.Store.OpenAsync(conversation.Id, "another life"));
        Assert.Null(await Client.Reader.ReadAsync(conversation.Id));
        await conversation.CommitAsync("u1");
    }
}
