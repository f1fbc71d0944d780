using EmoStream.Testing;
using Microsoft.Extensions.Time.Testing;

namespace EmoStream.Tests.Testing;

/// <summary>The one poller: true at once needs no clock, never true ends with what was waited for.</summary>
public sealed class EventuallyTests
{
    [Fact]
    public Task TrueAsync_TrueAtOnce_NeedsNoTick() => Eventually.TrueAsync(() => true, () => "", timeProvider: new FakeTimeProvider());

    [Fact]
    public async Task TrueAsync_BecomesTrue_AsksAgainOnTicks()
    {
        var asked = 0;
        var clock = new FakeTimeProvider();
        var wait = Eventually.TrueAsync(() => ++asked == 3, () => "", timeProvider: clock);

        while (!wait.IsCompleted)
        {
            clock.Advance(TimeSpan.FromMilliseconds(25));
            await Task.Yield();
        }

        await wait;
        Assert.Equal(3, asked);
    }

    [Fact]
    public async Task TrueAsync_NeverTrue_FailsWithTheDescription()
    {
        var clock = new FakeTimeProvider();
        var wait = Eventually.TrueAsync(() => false, () => "3 of 4 entries", TimeSpan.FromSeconds(5), clock);

        clock.Advance(TimeSpan.FromSeconds(6));

        var failure = await Assert.ThrowsAsync<TimeoutException>(() => wait);
        Assert.Equal("Not within 5 s: 3 of 4 entries", failure.Message);
    }
}
