using EmoStream.Cli.Evaluate.Measure;

namespace EmoStream.Tests.Cli.Evaluate.Measure;

/// <summary>Expected values are scikit-learn's (f1_score, precision_recall_fscore_support with zero_division=0).</summary>
public sealed class ClassificationReportTests
{
    private static readonly string[] Labels = ["neutral", "joy", "anger"];

    [Fact]
    public void From_BalancedExample_MatchesScikitLearn()
    {
        var report = Report([0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1]);

        Assert.Equal(0.26666666666666666, report.Figures.MacroF1, 12);
        Assert.Equal(0.26666666666666666, report.Figures.WeightedF1, 12);
        Assert.Equal(1 / 3.0, report.Figures.Accuracy, 12);
        Assert.Equal(new ClassScores(2 / 3.0, 1, 0.8, 2), report.PerClass["neutral"]);
        Assert.Equal(new ClassScores(0, 0, 0, 2), report.PerClass["anger"]);
    }

    [Fact]
    public void From_UnbalancedExample_WeightsBySupport()
    {
        var report = Report([0, 0, 0, 0, 1, 1, 2], [0, 0, 0, 1, 1, 2, 2]);

        Assert.Equal(0.6746031746031745, report.Figures.MacroF1, 12);
        Assert.Equal(0.7278911564625850, report.Figures.WeightedF1, 12);
        Assert.Equal(5 / 7.0, report.Figures.Accuracy, 12);
        Assert.Equal([3, 1, 0], report.Confusion[0]);
        Assert.Equal([0, 1, 1], report.Confusion[1]);
        Assert.Equal([0, 0, 1], report.Confusion[2]);
        Assert.Equal(7, report.Utterances);
    }

    [Fact]
    public void From_LabelThatNeverOccurs_IsOutsideTheMacroAverage()
    {
        var report = Report([0, 0, 1], [0, 0, 1]);

        Assert.Equal(1, report.Figures.MacroF1);
        Assert.Equal(new ClassScores(0, 0, 0, 0), report.PerClass["anger"]);
    }

    [Fact]
    public void From_LabelThatIsOnlyPredicted_LowersTheMacroAverage()
    {
        // f1_score([0, 0], [0, 2], average="macro", zero_division=0)
        Assert.Equal(1 / 3.0, Report([0, 0], [0, 2]).Figures.MacroF1, 12);
    }

    [Fact]
    public void From_Nothing_IsZero()
    {
        var report = Report([], []);

        Assert.Equal((0, 0, 0, 0), (report.Figures.MacroF1, report.Figures.WeightedF1, report.Figures.Accuracy, report.Utterances));
    }

    private static ClassificationReport Report(int[] actual, int[] predicted) => ClassificationReport.From(Labels, [.. actual.Zip(predicted)]);
}
