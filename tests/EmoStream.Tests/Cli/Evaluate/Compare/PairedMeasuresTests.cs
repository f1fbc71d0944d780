using EmoStream.Cli.Evaluate;
using EmoStream.Cli.Evaluate.Compare;
using EmoStream.Tests.Cli.Evaluate.Measure;

namespace EmoStream.Tests.Cli.Evaluate.Compare;

public sealed class PairedMeasuresTests
{
    [Fact]
    public void Of_TwoThatDifferOnTwoUtterances_CountsWhoIsRight()
    {
        var paired = PairedMeasures.Of(Made([0, 0, 1, 1, 2], [0, 1, 1, 0, 0]), Made([0, 0, 1, 1, 2], [0, 0, 1, 0, 1]), 3)!;

        Assert.Equal(5, paired.Utterances);
        Assert.Equal(new Agreement(BothRight: 2, OnlyA: 0, OnlyB: 1, NeitherRight: 2), paired.Agreement);
        Assert.Equal((.4, .6), (paired.Accuracy.A, paired.Accuracy.B));
        Assert.Equal(.2, paired.Accuracy.Value, 12);
        // Class by class F1 of A: 2/5, 2/4, 0; of B: 4/5, 2/4, 0; supports 2, 2, 1.
        Assert.Equal(((2 * .4) + (2 * .5)) / 5, paired.WeightedF1.A, 12);
        Assert.Equal(((2 * .8) + (2 * .5)) / 5, paired.WeightedF1.B, 12);
        Assert.Equal(.4 / 3, paired.MacroF1.Value, 12);
        // Of .8 on the predicted label and .1 elsewhere: one more that is right trades -ln .1 for -ln .8.
        Assert.Equal((Math.Log(.1) - Math.Log(.8)) / 5, paired.Nll.Value, 6);
    }

    [Fact]
    public void Of_UtterancesThatOneDoesNotScore_AreLeftOut()
    {
        var paired = PairedMeasures.Of(Made([0, 1, 2], [0, 1, 2]), [.. Made([0, 1, 2], [1, 1, 1]).Skip(1)], 3)!;

        Assert.Equal((2, 1, .5), (paired.Utterances, paired.Accuracy.A, paired.Accuracy.B));
        Assert.Null(PairedMeasures.Of(Made([0], [0]), [], 3));
    }

    [Fact]
    public void Of_BinsAndSets_IsWhatIsComputedByHand()
    {
        // Confidences .75 and .5 in two dialogues: A is right with both, B with none. Sets: A's hold the truth once, B's twice;
        // the third utterance has one of A alone.
        List<Prediction> a = [Predictions.Of(0, [.75f, .25f, 0], 0, 0, set: [0]), Predictions.Of(1, [0, .5f, .5f], 1, 0, set: [2]), Predictions.Of(1, [0, 1, 0], 1, 1, set: [1])];
        List<Prediction> b = [Predictions.Of(0, [.25f, .75f, 0], 0, 0, set: [1, 0]), Predictions.Of(1, [.5f, .5f, 0], 1, 0, set: [0, 1]), Predictions.Of(1, [0, 1, 0], 1, 1)];

        var paired = PairedMeasures.Of(a, b, 3)!;

        Assert.Equal((.75 / 3, 1.25 / 3), (paired.Ece.A, paired.Ece.B));
        Assert.Equal(.5 / 3, paired.Ece.Value, 12);
        Assert.Equal((.5, 1), (paired.Coverage!.A, paired.Coverage.B));
        // Resamples: the first dialogue alone, both, the second alone.
        Assert.Equal([0, 1], paired.Coverage.Interval!);
        Assert.Equal([0, .5], paired.Ece.Interval!);
    }

    [Fact]
    public void Of_SetsInOneDialogueOfTwo_LeavesResamplesWithoutThemOut()
    {
        List<Prediction> With(int[] set) => [Predictions.Of(0, [1, 0, 0], 0, 0, set: set), Predictions.Of(0, [1, 0, 0], 1, 0)];

        var paired = PairedMeasures.Of(With([1]), With([0]), 3)!;

        Assert.Equal([1, 1], paired.Coverage!.Interval!);
        Assert.Null(PairedMeasures.Of(With([1]), Made([0, 0, 0], [0, 0, 0]), 3)!.Coverage);
    }

    [Fact]
    public void Of_ConstantAdvantageInDialoguesOfVeryDifferentDifficulty_HasANarrowInterval()
    {
        // Ten dialogues from hopeless to easy, ten utterances each; B gets exactly one more right in every one.
        List<Prediction> a = [], b = [];
        for (var dialogue = 0; dialogue < 10; dialogue++)
        {
            var easy = dialogue;
            a.AddRange(Enumerable.Range(0, 10).Select(i => Of(0, i < easy ? 0 : 1, dialogue, i)));
            b.AddRange(Enumerable.Range(0, 10).Select(i => Of(0, i < easy + 1 ? 0 : 1, dialogue, i)));
        }

        var accuracy = PairedMeasures.Of(a, b, 3)!.Accuracy;

        Assert.Equal(.1, accuracy.Value, 12);
        Assert.All(accuracy.Interval!, bound => Assert.Equal(.1, bound, 12));
    }

    private static List<Prediction> Made(int[] labels, int[] predicted) => [.. labels.Zip(predicted).Select((pair, i) => Of(pair.First, pair.Second, i / 2, i % 2))];

    private static Prediction Of(int label, int predicted, int dialogue, int position)
    {
        float[] probabilities = [.1f, .1f, .1f];
        probabilities[predicted] = .8f;
        return Predictions.Of(label, probabilities, dialogue, position);
    }
}
