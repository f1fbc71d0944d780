namespace EmoStream.IntegrationTests.Timeline;

public abstract partial class TimelineConformance
{
    [Fact]
    public async Task Claim_AnotherOwnerSince_FormerOneIsRefused()
    {
        var source = $"topic/{Guid.NewGuid():N}";
        var first = await ClaimAsync(source);
        Assert.Null(first.Offset);
        Assert.True(await Client.Watermarks.AdvanceAsync(source, first.Life, first.Epoch, 10));
        var second = await ClaimAsync(source);

        Assert.True(second.Epoch > first.Epoch);
        Assert.Equal((10L, true), (second.Offset, second.IsSure));
        Assert.False(await Client.Watermarks.AdvanceAsync(source, first.Life, first.Epoch, 11));
        Assert.True(await Client.Watermarks.AdvanceAsync(source, second.Life, second.Epoch, 12));
        Assert.Equal(12, (await ClaimAsync(source)).Offset);
    }

    [Fact]
    public async Task Claim_AnewByTheFormerOwner_RefusedAndNothingChanged()
    {
        var source = $"topic/{Guid.NewGuid():N}";
        var first = await ClaimAsync(source);
        var second = await ClaimAsync(source);

        Assert.Null(await Client.Watermarks.ClaimAsync(source, first.Epoch));
        Assert.True(await Client.Watermarks.AdvanceAsync(source, second.Life, second.Epoch, 7));
        var anew = await Client.Watermarks.ClaimAsync(source, second.Epoch);
        Assert.Equal(7, anew!.Offset);
        Assert.True(anew.Epoch > second.Epoch);
    }

    [Fact]
    public async Task Claim_AnewWithoutTheAnswerToTheLastOne_Granted()
    {
        var source = $"topic/{Guid.NewGuid():N}";
        var held = await ClaimAsync(source);
        await Client.Watermarks.ClaimAsync(source, held.Epoch); // its answer is lost

        var again = await Client.Watermarks.ClaimAsync(source, held.Epoch);

        Assert.NotNull(again);
        var other = await ClaimAsync(source);
        Assert.Null(await Client.Watermarks.ClaimAsync(source, again.Epoch));
        Assert.Null(await Client.Watermarks.ClaimAsync(source, held.Epoch));
        Assert.True(other.Epoch > again.Epoch);
    }

    [Fact]
    public async Task Claim_OnAnotherConnection_SameLife()
    {
        await using var other = new TimelineClient(server.ConnectionString);
        var source = $"topic/{Guid.NewGuid():N}";

        Assert.Equal((await ClaimAsync(source)).Life, (await other.Watermarks.ClaimAsync(source))!.Life);
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

    private async Task<EmoStream.Timeline.Incarnation.Watermark> ClaimAsync(string source) => (await Client.Watermarks.ClaimAsync(source))!;
}
