namespace EmoStream.Cli.Evaluate;

/// <summary>
/// How predictions compare with annotations, by scikit-learn's definitions (<c>precision_recall_fscore_support</c> with
/// <c>zero_division=0</c>). Averages run over the labels that occur in annotations or predictions, as scikit-learn's do
/// when no label list is given; the confusion matrix has all labels.
/// </summary>
internal sealed record ClassificationReport
{
    /// <summary>Mean of the classes' F1, weighted by support.</summary>
    public required double WeightedF1 { get; init; }

    /// <summary>Plain mean of the classes' F1.</summary>
    public required double MacroF1 { get; init; }

    /// <summary>Share of right predictions.</summary>
    public required double Accuracy { get; init; }

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
        var confusion = new int[labels.Count][];
        for (var i = 0; i < confusion.Length; i++)
        {
            confusion[i] = new int[labels.Count];
        }

        foreach (var (actual, predicted) in pairs)
        {
            confusion[actual][predicted]++;
        }

        var perClass = new Dictionary<string, ClassScores>(labels.Count);
        double weighted = 0, sum = 0;
        int right = 0, present = 0;
        for (var c = 0; c < labels.Count; c++)
        {
            var scores = ClassScores.From(confusion, c, out var predicted);
            perClass.Add(labels[c], scores);
            right += confusion[c][c];
            weighted += scores.F1 * scores.Support;
            if (scores.Support + predicted > 0)
            {
                present++;
                sum += scores.F1;
            }
        }

        return new ClassificationReport
        {
            WeightedF1 = Ratio(weighted, pairs.Count),
            MacroF1 = Ratio(sum, present),
            Accuracy = Ratio(right, pairs.Count),
            Utterances = pairs.Count,
            PerClass = perClass,
            Confusion = confusion,
            Labels = labels,
        };
    }

    internal static double Ratio(double numerator, double denominator) => denominator == 0 ? 0 : numerator / denominator;
}

/// <summary>One class' scores.</summary>
internal sealed record ClassScores(double Precision, double Recall, double F1, int Support)
{
    public static ClassScores From(int[][] confusion, int label, out int predicted)
    {
        predicted = confusion.Sum(row => row[label]);
        var support = confusion[label].Sum();
        var hits = confusion[label][label];
        return new ClassScores(
            ClassificationReport.Ratio(hits, predicted),
            ClassificationReport.Ratio(hits, support),
            ClassificationReport.Ratio(2.0 * hits, predicted + support),
            support);
    }
}
