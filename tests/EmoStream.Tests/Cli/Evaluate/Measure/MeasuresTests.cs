using EmoStream.Cli.Evaluate.Measure;

namespace EmoStream.Tests.Cli.Evaluate.Measure;

public sealed class MeasuresTests
{
    [Fact]
    public void Of_Predictions_AgreesWithTheClassificationReport()
    {
        int[] actual = [0, 0, 0, 0, 1, 1, 2], predicted = [0, 0, 0, 1, 1, 2, 2];
        var measures = Measures.Of(actual.Zip(predicted).Select((pair, i) => Made(pair.First, pair.Second, dialogue: i / 2)).Append(Made(-1, 0, dialogue: 9)), labels: 3);

        // scikit-learn's f1_score and accuracy_score of these lists.
        Assert.Equal(7, measures.Utterances);
        Assert.Equal(0.7278911564625850, measures.WeightedF1, 12);
        Assert.Equal(0.6746031746031745, measures.MacroF1, 12);
        Assert.Equal(5 / 7.0, measures.Accuracy, 12);
        Assert.InRange(measures.WeightedF1, measures.Intervals!.WeightedF1[0], measures.Intervals.WeightedF1[1]);
    }

    [Fact]
    public void Bucket_Of_PutsEveryUtteranceWhereItsNumberBelongs()
    {
        int[] numbers = [1, 2, 4, 5, 9, 10, 49, 50, 500];
        var buckets = Bucket.Of(numbers.Select(number => Made(0, number < 5 ? 0 : 1, position: number)), 3, Bucket.Rows, prediction => prediction.Position);

        Assert.Equal(["1", "2-4", "5-9", "10-19", "20-49", "50+"], buckets.Select(bucket => bucket.Name));
        Assert.Equal([1, 2, 2, 1, 1, 2], buckets.Select(bucket => bucket.Utterances));
        Assert.Equal([1, 1, 0, 0, 0, 0], buckets.Select(bucket => bucket.Accuracy));
    }

    private static EmoStream.Cli.Evaluate.Prediction Made(int label, int predicted, int dialogue = 0, int position = 0)
    {
        var probabilities = new float[3];
        probabilities[predicted] = 1;
        return Predictions.Of(label, probabilities, dialogue, position);
    }
}
