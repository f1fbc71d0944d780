namespace EmoStream.Cli.Evaluate.Measure;

/// <summary>The figures of one way to look at a corpus: as it is, one subset of modalities, one missing rate.</summary>
internal sealed record Measures
{
    public required int Utterances { get; init; }
    public required double WeightedF1 { get; init; }
    public required double MacroF1 { get; init; }
    public required double Accuracy { get; init; }
    public required CalibrationReport Calibration { get; init; }

    /// <summary>Null for less than two dialogues.</summary>
    public required Intervals? Intervals { get; init; }

    /// <param name="predictions">Those without an annotation are left out.</param>
    /// <param name="labels">Number of labels.</param>
    public static Measures Of(IEnumerable<Prediction> predictions, int labels)
    {
        var annotated = predictions.Where(prediction => prediction.Row.Label >= 0).ToList();
        var dialogues = annotated.GroupBy(prediction => prediction.Dialogue).Select(dialogue => Counts(dialogue, labels)).ToList();
        var whole = new double[labels * labels];
        dialogues.ForEach(counts => System.Numerics.Tensors.TensorPrimitives.Add(whole, counts, whole));
        var figures = Figures.Of(whole, labels);
        return new()
        {
            Utterances = annotated.Count,
            WeightedF1 = figures.WeightedF1,
            MacroF1 = figures.MacroF1,
            Accuracy = figures.Accuracy,
            Calibration = CalibrationReport.From(annotated),
            Intervals = Intervals.Of(dialogues, labels),
        };
    }

    /// <summary>Confusion counts as <see cref="Figures.Of"/> takes them.</summary>
    public static double[] Counts(IEnumerable<Prediction> predictions, int labels)
    {
        var counts = new double[labels * labels];
        foreach (var prediction in predictions)
        {
            counts[(prediction.Row.Label * labels) + prediction.Label]++;
        }

        return counts;
    }
}

/// <summary>95% bounds [low, high] of the headline figures, from <see cref="Bootstrap"/>.</summary>
internal sealed record Intervals(double[] WeightedF1, double[] MacroF1, double[] Accuracy)
{
    public static Intervals? Of(IReadOnlyList<double[]> dialogues, int labels)
        => Bootstrap.Intervals(dialogues, sums =>
        {
            var figures = Figures.Of(sums, labels);
            return [figures.WeightedF1, figures.MacroF1, figures.Accuracy];
        }) is [var weighted, var macro, var accuracy] ? new(weighted, macro, accuracy) : null;
}
