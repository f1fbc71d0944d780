namespace EmoStream.Cli.Evaluate.Measure;

/// <summary>Figures of the utterances of one bucket: conversations of some length, of some speakers, a place in them.</summary>
/// <param name="Name">Such as <c>5-9</c> or <c>50+</c>.</param>
/// <param name="Utterances">Annotated ones.</param>
/// <param name="WeightedF1">Over the bucket alone.</param>
/// <param name="Accuracy">Over the bucket alone.</param>
internal sealed record Bucket(
    [property: System.Text.Json.Serialization.JsonPropertyName("bucket")] string Name,
    int Utterances,
    double WeightedF1,
    double Accuracy)
{
    /// <summary>First numbers of the buckets of lengths and places, in utterances.</summary>
    public static IReadOnlyList<int> Rows { get; } = [1, 2, 5, 10, 20, 50];

    /// <summary>First numbers of the buckets of speakers.</summary>
    public static IReadOnlyList<int> Speakers { get; } = [1, 2, 3, 4, 5];

    /// <summary>The buckets that are not empty, in order.</summary>
    /// <param name="predictions">Those without an annotation are left out.</param>
    /// <param name="labels">Number of labels.</param>
    /// <param name="starts">First number of each bucket; the last has no end.</param>
    /// <param name="number">Where a prediction belongs, from 1.</param>
    public static IReadOnlyList<Bucket> Of(IEnumerable<Prediction> predictions, int labels, IReadOnlyList<int> starts, Func<Prediction, int> number)
        => [.. predictions
            .Where(prediction => prediction.Row.Label >= 0)
            .GroupBy(prediction => starts.Count(start => start <= number(prediction)) - 1)
            .OrderBy(group => group.Key)
            .Select(group =>
            {
                var figures = Figures.Of(Measures.Counts(group, labels), labels);
                return new Bucket(NameOf(starts, group.Key), group.Count(), figures.WeightedF1, figures.Accuracy);
            })];

    private static string NameOf(IReadOnlyList<int> starts, int at)
        => at == starts.Count - 1 ? FormattableString.Invariant($"{starts[at]}+")
        : starts[at + 1] == starts[at] + 1 ? FormattableString.Invariant($"{starts[at]}")
        : FormattableString.Invariant($"{starts[at]}-{starts[at + 1] - 1}");
}
