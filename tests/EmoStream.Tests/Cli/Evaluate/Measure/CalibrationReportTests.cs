using EmoStream.Cli.Evaluate.Measure;

namespace EmoStream.Tests.Cli.Evaluate.Measure;

public sealed class CalibrationReportTests
{
    [Fact]
    public void From_FourPredictions_IsWhatIsComputedByHand()
    {
        var report = CalibrationReport.From(
        [
            Predictions.Of(0, [0.75f, 0.25f, 0], set: [0, 1]),
            Predictions.Of(1, [0.75f, 0.25f, 0], set: [0]),
            Predictions.Of(2, [0, 0.5f, 0.5f]),
            Predictions.Of(2, [0, 0, 1], set: [2]),
        ]);

        // Bins: .75 twice, one right: |.75 - .5|; .5 predicts b, wrong: .5; 1 right: 0. (2 * .25 + 1 * .5 + 0) / 4
        Assert.Equal(0.25, report.Ece, 7);
        // -(ln .75 + ln .25 + ln .5 + ln 1) / 4
        Assert.Equal((0.2876820724517809 + 1.3862943611198906 + 0.6931471805599453) / 4, report.Nll, 7);
        // (.25² + .25²) + (.75² + .75²) + (.5² + .5²) + 0 = .125 + 1.125 + .5
        Assert.Equal(1.75 / 4, report.Brier, 7);
        // Three sets; those of the first and the last hold the truth; 2 + 1 + 1 labels.
        Assert.Equal(2 / 3.0, report.Coverage!.Value, 12);
        Assert.Equal(4 / 3.0, report.SetSize!.Value, 12);
        Assert.Equal(0.75, report.Offered);
        Assert.Equal([new(0.5, 0, 1), new(0.75, 0.5, 2), new(1, 1, 1)], report.Bins);
    }

    [Fact]
    public void From_ConfidencesOnBothSidesOfABinsEdge_AreKeptApart()
    {
        // 10/15 lies between .66 and .67: together they would cancel out to an error of (.66 + .67 - 1) / 2.
        var report = CalibrationReport.From([Predictions.Of(0, [0.66f, 0.34f, 0]), Predictions.Of(1, [0.67f, 0.33f, 0])]);

        Assert.Equal(2, report.Bins.Count);
        Assert.Equal((0.34 + 0.67) / 2, report.Ece, 6);
    }

    [Fact]
    public void From_NoSets_HasNoCoverage()
    {
        var report = CalibrationReport.From([Predictions.Of(0, [1, 0, 0])]);

        Assert.Equal((null, null, 0), (report.Coverage, report.SetSize, report.Offered));
    }

    [Fact]
    public void From_ProbabilityZeroOfTheTruth_IsClipped()
        => Assert.Equal(-Math.Log(1e-12), CalibrationReport.From([Predictions.Of(1, [1, 0, 0])]).Nll, 9);
}
