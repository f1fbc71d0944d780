namespace EmoStream.Cli.Evaluate.Measure;

/// <summary>
/// How predictions compare with annotations, by scikit-learn's definitions (<c>precision_recall_fscore_support</c> with
/// <c>zero_division=0</c>). Averages run over the labels that occur in annotations or predictions, as scikit-learn's do
/// when no label list is given; the confusion matrix has all labels.
/// </summary>
internal sealed record ClassificationReport
{
    /// <summary>Averages over the classes.</summary>
    public required Figures Figures { get; init; }

    /// <summary>Annotated utterances that were compared.</summary>
    public required int Utterances { get; init; }

    /// <summary>By label, in the bundle's order.</summary>
    public required IReadOnlyDictionary<string, ClassScores> PerClass { get; init; }

    /// <summary>Rows are annotations, columns predictions, both in <see cref="Labels"/>' order.</summary>
    public required int[][] Confusion { get; init; }

    /// <summary>The labels, in the bundle's order.</summary>
    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>Compares pairs of label indexes.</summary>
    public static ClassificationReport From(IReadOnlyList<string> labels, IReadOnlyCollection<(int Actual, int Predicted)> pairs)
    {
        var counts = new double[labels.Count * labels.Count];
        foreach (var (actual, predicted) in pairs)
        {
            counts[(actual * labels.Count) + predicted]++;
        }

        int[][] confusion = [.. counts.Chunk(labels.Count).Select(row => Array.ConvertAll(row, count => (int)count))];
        return new ClassificationReport
        {
            Figures = Figures.Of(counts, labels.Count),
            Utterances = pairs.Count,
            PerClass = labels.Select((label, c) => (label, ClassScores.From(confusion, c))).ToDictionary(),
            Confusion = confusion,
            Labels = labels,
        };
    }
}

/// <summary>One class' scores.</summary>
internal sealed record ClassScores(double Precision, double Recall, double F1, int Support)
{
    public static ClassScores From(int[][] confusion, int label)
    {
        var predicted = confusion.Sum(row => row[label]);
        var support = confusion[label].Sum();
        var hits = confusion[label][label];
        return new ClassScores(Figures.Ratio(hits, predicted), Figures.Ratio(hits, support), Figures.Ratio(2.0 * hits, predicted + support), support);
    }
}
