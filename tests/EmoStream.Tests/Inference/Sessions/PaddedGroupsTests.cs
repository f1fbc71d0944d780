using CsCheck;
using EmoStream.Inference.Sessions;

namespace EmoStream.Tests.Inference.Sessions;

public sealed class PaddedGroupsTests
{
    [Fact]
    public void NextEnd_AnyLengths_CoversAllWithinTheLimits()
    {
        var groups = new PaddedGroups(MaxCells: 100, RunCost: 7, MaxWaste: 0.25);
        Gen.Int[1, 150].Array[1, 60].Sample(lengths =>
        {
            Array.Sort(lengths);
            for (var start = 0; start < lengths.Length;)
            {
                var end = groups.NextEnd(lengths, start);
                var (count, useful) = (end - start, lengths[start..end].Sum());
                var cells = count * lengths[end - 1];
                Assert.True(count == 1 || (cells <= 100 && cells - useful <= 7 + (useful * 0.25)), $"{string.Join(',', lengths)} at {start}..{end}");
                start = end;
            }
        });
    }

    [Fact]
    public void NextEnd_EqualLengths_ShareARun() => Assert.Equal(4, new PaddedGroups(100, 0, 0.1).NextEnd([9, 9, 9, 9], 0));

    [Fact]
    public void NextEnd_PaddingCheaperThanARun_IsTaken() => Assert.Equal(3, new PaddedGroups(1000, 8, 0).NextEnd([8, 12, 12, 20], 0));

    [Fact]
    public void NextEnd_VeryDifferentLengths_DoNot() => Assert.Equal(2, new PaddedGroups(1000, 0, 0.1).NextEnd([4, 4, 20, 20], 0));
}
