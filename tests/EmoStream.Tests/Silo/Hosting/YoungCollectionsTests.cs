using EmoStream.Silo.Hosting;

namespace EmoStream.Tests.Silo.Hosting;

public sealed class YoungCollectionsTests
{
    [Theory]
    [InlineData(5, 1, true)]
    [InlineData(3, 1, false)] // not worth a pause yet
    [InlineData(50, 3, false)] // busy: the runtime collects when it has to
    public void IsDue_Megabytes_EnoughAndTimeForIt(int uncollected, int latest, bool isDue) =>
        Assert.Equal(isDue, YoungCollections.IsDue((long)uncollected << 20, (long)latest << 20));
}
