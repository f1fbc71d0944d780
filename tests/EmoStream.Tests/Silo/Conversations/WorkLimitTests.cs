using EmoStream.Silo.Conversations;

namespace EmoStream.Tests.Silo.Conversations;

public sealed class WorkLimitTests
{
    [Fact]
    public async Task EnterAsync_BeyondTheLimit_WaitsInOrderUntilThereIsRoom()
    {
        var limit = new WorkLimit();
        var under = limit.EnterAsync(WorkLimit.Utterances - 1);
        var second = limit.EnterAsync(2);
        var third = limit.EnterAsync(1); // would fit, but is not next

        Assert.True(under.IsCompleted);
        Assert.False(second.IsCompleted);
        Assert.False(third.IsCompleted);

        limit.Leave(WorkLimit.Utterances - 1);

        await second;
        await third;
    }

    [Fact]
    public async Task EnterAsync_MoreThanTheLimit_WaitsForAllOfItAndLeavesAllOfIt()
    {
        var limit = new WorkLimit();
        await limit.EnterAsync(1);
        var all = limit.EnterAsync(WorkLimit.Utterances * 3);

        Assert.False(all.IsCompleted);

        limit.Leave(1);
        await all;
        var next = limit.EnterAsync(WorkLimit.Utterances);
        Assert.False(next.IsCompleted);

        limit.Leave(WorkLimit.Utterances * 3);
        await next;
    }
}
