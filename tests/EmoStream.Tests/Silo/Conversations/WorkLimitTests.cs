using EmoStream.Silo.Conversations;

namespace EmoStream.Tests.Silo.Conversations;

public sealed class WorkLimitTests
{
    [Fact]
    public async Task EnterAsync_AllPlacesTaken_WaitsUntilOneIsGivenBack()
    {
        var limit = await FullAsync();
        var next = limit.EnterAsync();
        Assert.False(next.IsCompleted);

        limit.Leave();

        Assert.True(await next);
    }

    [Fact]
    public async Task EnterAsync_NoPlaceIsEverGivenBack_GoesOnWithoutOne()
    {
        var limit = await FullAsync();

        Assert.False(await limit.EnterAsync());
    }

    private static async Task<WorkLimit> FullAsync()
    {
        var limit = new WorkLimit();
        for (var i = 0; i < WorkLimit.Batches; i++) Assert.True(await limit.EnterAsync());
        return limit;
    }
}
