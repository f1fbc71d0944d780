using EmoStream.Cli.Evaluate;
using EmoStream.Cli.Evaluate.Measure;

namespace EmoStream.Tests.Cli.Evaluate.Measure;

public sealed class FusionReportTests
{
    private static readonly string[] Names = ["text", "audio"];

    [Fact]
    public void RankAuc_ExampleOfScikitLearn_IsItsAnswer()
        // roc_auc_score([0, 0, 1, 1], [.1, .4, .35, .8]) in scikit-learn's documentation
        => Assert.Equal(0.75, RankAuc.Of([.35, .8], [.1, .4]));

    [Fact]
    public void RankAuc_Ties_CountHalf()
    {
        Assert.Equal(0.5, RankAuc.Of([1, 1], [1, 1, 1]));
        Assert.Equal(7.5 / 8, RankAuc.Of([2, 3], [1, 1, 2, 1]));
        Assert.Null(RankAuc.Of([], [1]));
    }

    [Fact]
    public void From_WeightsThatFollowWhoIsRight_HaveTheAucCountedByHand()
    {
        // Text right: .9, .4; audio right: .3, .5 of text. Of four pairs .4 > .5 alone fails.
        var report = Report([Made(.9f, true, false), Made(.4f, true, false), Made(.3f, false, true), Made(.5f, false, true), Made(.99f, true, true), Made(.01f, false, false)]);

        Assert.Equal(6, report.Utterances);
        Assert.Equal(0.75, report.Auc!.Value, 6);
        Assert.Equal(3 / 6.0, report.ShareAbove80, 6);
        var text = report.Modalities["text"];
        Assert.Equal((.9 + .4 + .99) / 3, text.MeanWeightWhenRight!.Value, 6);
        Assert.Equal((.3 + .5 + .01) / 3, text.MeanWeightWhenWrong!.Value, 6);
        Assert.Equal(0.5, text.Accuracy!.Value, 6);
        Assert.Equal([.9f, .4f, .99f], text.WeightsWhenRight);
    }

    [Fact]
    public void From_RemovedModalities_AreComparedWithWhatIsThere()
    {
        var report = FusionReport.From(Names, 3, [Made(.5f, true, true)],
        [
            Made(.9f, true, false, available: 1),
            Made(.7f, true, true, available: 1),
            Made(.6f, true, false, available: 2),
        ]);

        // Kept: text .9, text .7, audio .4; recovered: audio .1, audio .3, text .6.
        Assert.Equal((.9 + .7 + .4) / 3, report.MeanWeight!.Value, 6);
        Assert.Equal((.1 + .3 + .6) / 3, report.MeanWeightRecovered!.Value, 6);
        Assert.Equal(2 / 3.0, report.Accuracy!.Value, 6);
        Assert.Equal(2 / 3.0, report.AccuracyRecovered!.Value, 6);
        Assert.Equal(new RecoveredModality(1, .6f, 1), report.Modalities["text"].Recovered);
        Assert.Equal((2, .5), (report.Modalities["audio"].Recovered.Utterances, report.Modalities["audio"].Recovered.Accuracy!.Value));
    }

    [Fact]
    public void From_GraphWithoutHeads_KnowsWeightsAlone()
    {
        var report = Report([Predictions.Of(0, [1, 0, 0], available: 3, weights: [.3f, .7f])]);

        Assert.Null(report.Auc);
        Assert.Equal(.3, report.Modalities["text"].MeanWeight!.Value, 6);
        Assert.Null(report.Modalities["text"].MeanWeightWhenRight);
        Assert.Null(report.Modalities["text"].Accuracy);
    }

    private static FusionReport Report(IReadOnlyList<Prediction> complete) => FusionReport.From(Names, 3, complete, []);

    private static Prediction Made(float text, bool textIsRight, bool audioIsRight, int available = 3)
        => Predictions.Of(1, [0, 1, 0], available: available, weights: [text, 1 - text], heads: [Head(textIsRight), Head(audioIsRight)]);

    private static float[] Head(bool isRight) => isRight ? [0, 2, 1] : [3, 2, 1];
}
