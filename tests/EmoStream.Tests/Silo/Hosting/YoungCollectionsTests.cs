using EmoStream.Silo.Hosting;

namespace EmoStream.Tests.Silo.Hosting;

public sealed class YoungCollectionsTests
{
    [Theory]
    [InlineData(5, 1, true)]
    [InlineData(3, 1, false)] // not worth a pause yet
    [InlineData(50, 3, false)] // busy: the runtime collects when it has to
    public void IsDue_MegabytesOnTwoCores_EnoughAndTimeForIt(int uncollected, int latest, bool isDue) =>
        Assert.Equal(isDue, YoungCollections.IsDue(PerCore(uncollected), PerCore(latest)));

    private static long PerCore(int megabytesOnTwo) => ((long)megabytesOnTwo << 20) / 2 * Environment.ProcessorCount;
}
