using EmoStream.Cli.Evaluate.Measure;

namespace EmoStream.Tests.Cli.Evaluate.Measure;

public sealed class BootstrapTests
{
    [Fact]
    public void Intervals_TheSameTwice_AreTheSame()
    {
        double[][] dialogues = [.. Enumerable.Range(0, 37).Select(i => (double[])[i % 5, 5])];

        Assert.Equal(Bootstrap.Intervals(dialogues, Share), Bootstrap.Intervals(dialogues, Share));
    }

    [Fact]
    public void Intervals_OfIndependentCoins_AreThoseOfTheNormalApproximation()
    {
        // 400 dialogues of one utterance, half of them right: standard error .025.
        double[][] dialogues = [.. Enumerable.Range(0, 400).Select(i => (double[])[i % 2, 1])];

        var bounds = Bootstrap.Intervals(dialogues, Share)![0];

        Assert.Equal(0.5 - (1.96 * 0.025), bounds[0], 0.006);
        Assert.Equal(0.5 + (1.96 * 0.025), bounds[1], 0.006);
    }

    [Fact]
    public void Intervals_OfUtterancesThatAreAlikeWithinADialogue_CountDialogues()
    {
        // The same 400 utterances in 40 dialogues that are right or wrong throughout: standard error .079.
        double[][] dialogues = [.. Enumerable.Range(0, 40).Select(i => (double[])[i % 2 * 10, 10])];

        var bounds = Bootstrap.Intervals(dialogues, Share)![0];

        Assert.Equal(2 * 1.96 * Math.Sqrt(0.25 / 40), bounds[1] - bounds[0], 0.03);
    }

    [Fact]
    public void Intervals_OfOneDialogue_AreNone() => Assert.Null(Bootstrap.Intervals([[1, 2]], Share));

    [Fact]
    public void Intervals_OfDialoguesThatAreAllAlike_AreAPoint()
        => Assert.Equal([0.25, 0.25], Bootstrap.Intervals([[1, 4], [1, 4], [1, 4]], Share)![0]);

    private static double[] Share(double[] sums) => [sums[0] / sums[1]];
}
