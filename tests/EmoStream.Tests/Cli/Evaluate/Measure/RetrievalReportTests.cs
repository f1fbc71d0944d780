using EmoStream.Cli.Evaluate.Measure;

namespace EmoStream.Tests.Cli.Evaluate.Measure;

public sealed class RetrievalReportTests
{
    [Fact]
    public void Of_AlignedVectors_FindsEveryOne()
    {
        var report = RetrievalReport.Of(Circle(20), Circle(20));

        Assert.Equal((1, 1, 1, 20), (report.RecallAt1, report.RecallAt10, report.MedianRank, report.Candidates));
        Assert.Equal((0.05, 0.5), (report.ChanceAt1, report.ChanceAt10));
    }

    [Fact]
    public void Of_VectorsTurnedByOneStep_FindsEachSecondOrThird()
    {
        // The next one is the nearest; one's own and the one after that are equally far, and equals come first.
        var report = RetrievalReport.Of(Circle(20), [.. Circle(20).Skip(1), Circle(20)[0]]);

        Assert.Equal(0, report.RecallAt1);
        Assert.Equal(1, report.RecallAt10);
        Assert.InRange(report.MedianRank, 2, 3);
    }

    [Fact]
    public void Of_SpaceThatCollapsed_FindsNothing()
    {
        float[][] same = [.. Enumerable.Repeat((float[])[1, 0], 30)];

        var report = RetrievalReport.Of(same, same);

        Assert.Equal((0, 0, 30), (report.RecallAt1, report.RecallAt10, report.MedianRank));
    }

    [Fact]
    public void From_Predictions_TakesThoseWithBothModalities()
    {
        float[][] joint = Circle(12);
        var predictions = joint.Select((vector, i) => Predictions.Of(0, [1, 0, 0], available: i < 10 ? 3 : 1, joint: [vector, joint[(i + 1) % 10]])).ToList();

        var retrieval = RetrievalReport.From(["text", "audio"], predictions)!;

        Assert.Equal(["text>audio", "audio>text"], retrieval.Keys);
        Assert.All(retrieval.Values, report => Assert.Equal((10, 0), (report.Candidates, report.RecallAt1)));
        Assert.Null(RetrievalReport.From(["text", "audio"], [Predictions.Of(0, [1, 0, 0])]));
    }

    private static float[][] Circle(int count)
        => [.. Enumerable.Range(0, count).Select(i => (float[])[MathF.Cos(i * MathF.Tau / count), MathF.Sin(i * MathF.Tau / count)])];
}
