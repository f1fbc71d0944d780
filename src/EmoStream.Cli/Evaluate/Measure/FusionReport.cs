using System.Numerics.Tensors;
using System.Text.Json.Serialization;

namespace EmoStream.Cli.Evaluate.Measure;

/// <summary>
/// Whether query adaptive fusion (QAF) weighs modalities as they deserve. "Right" is a modality's own head (the graph's
/// output <c>single</c>); without that output everything that needs it is null.
/// </summary>
internal sealed record FusionReport
{
    /// <summary>Annotated utterances that bring every modality that the file brings at all.</summary>
    public required int Utterances { get; init; }

    /// <summary>
    /// Over complete utterances and pairs of modalities of which exactly one is right: probability that the first one's
    /// weight, relative to the pair, is larger where the first is right than where the second is. Mean over pairs, weighted
    /// by their utterances. 0.5: the weights tell nothing.
    /// </summary>
    public required double? Auc { get; init; }

    /// <summary>Share of complete utterances whose largest weight is above 0.8: fusion that has collapsed to a choice.</summary>
    public required double ShareAbove80 { get; init; }

    /// <summary>Mean weight of an available modality while another is removed.</summary>
    public required double? MeanWeight { get; init; }

    /// <summary>How often it is right then.</summary>
    public required double? Accuracy { get; init; }

    /// <summary>Mean weight of a removed modality, recovered from the others: at most in proportion to its accuracy.</summary>
    public required double? MeanWeightRecovered { get; init; }

    /// <summary>How often the recovered modality is right.</summary>
    public required double? AccuracyRecovered { get; init; }

    /// <summary>By modality.</summary>
    public required IReadOnlyDictionary<string, FusionModality> Modalities { get; init; }

    /// <param name="names">The model's modalities.</param>
    /// <param name="brought">Those that the file brings, as a mask.</param>
    /// <param name="complete">Predictions of complete utterances with everything they bring.</param>
    /// <param name="removed">Predictions of the same utterances with some modality taken from them.</param>
    public static FusionReport From(IReadOnlyList<string> names, int brought, IReadOnlyList<Prediction> complete, IReadOnlyList<Prediction> removed)
    {
        int[] there = [.. Enumerable.Range(0, names.Count).Where(m => Brings(brought, m))];
        var kept = removed.SelectMany(p => there.Where(m => Brings(p.Available, m)).Select(m => (p, m))).ToList();
        var recovered = removed.SelectMany(p => there.Where(m => !Brings(p.Available, m)).Select(m => (p, m))).ToList();
        return new()
        {
            Utterances = complete.Count,
            Auc = AucOf(there, complete),
            ShareAbove80 = Figures.Ratio(complete.Count(p => p.Score.Weights.Max() > 0.8f), complete.Count),
            MeanWeight = MeanWeightOf(kept),
            Accuracy = AccuracyOf(kept),
            MeanWeightRecovered = MeanWeightOf(recovered),
            AccuracyRecovered = AccuracyOf(recovered),
            Modalities = there.ToDictionary(m => names[m], m => FusionModality.From(m, complete, removed)),
        };
    }

    internal static bool Brings(int mask, int modality) => (mask & (1 << modality)) != 0;

    /// <summary>Whether the modality's own head is right; null without heads.</summary>
    internal static bool? IsRight(Prediction prediction, int modality)
        => prediction.Diagnosis?.Heads is { } heads ? TensorPrimitives.IndexOfMax<float>(heads[modality]) == prediction.Row.Label : null;

    internal static double? MeanWeightOf(IReadOnlyCollection<(Prediction Prediction, int Modality)> cells)
        => cells.Count == 0 ? null : cells.Average(cell => (double)cell.Prediction.Score.Weights[cell.Modality]);

    internal static double? AccuracyOf(IReadOnlyCollection<(Prediction Prediction, int Modality)> cells)
        => cells.Count == 0 || cells.First().Prediction.Diagnosis?.Heads is null ? null
        : cells.Average(cell => IsRight(cell.Prediction, cell.Modality) is true ? 1.0 : 0.0);

    private static double? AucOf(int[] modalities, IReadOnlyList<Prediction> complete)
    {
        double sum = 0, utterances = 0;
        foreach (var a in modalities)
        {
            foreach (var b in modalities.Where(b => b > a))
            {
                double Relative(Prediction p) => p.Score.Weights[a] / Math.Max((double)p.Score.Weights[a] + p.Score.Weights[b], double.Epsilon);
                var first = complete.Where(p => IsRight(p, a) is true && IsRight(p, b) is false).Select(Relative).ToList();
                var second = complete.Where(p => IsRight(p, a) is false && IsRight(p, b) is true).Select(Relative).ToList();
                if (RankAuc.Of(first, second) is { } auc)
                {
                    sum += auc * (first.Count + second.Count);
                    utterances += first.Count + second.Count;
                }
            }
        }

        return utterances == 0 ? null : sum / utterances;
    }
}

/// <summary>What fusion does with one modality.</summary>
internal sealed record FusionModality
{
    /// <summary>Mean weight over complete utterances.</summary>
    public required double? MeanWeight { get; init; }

    /// <summary>How often its own head is right there.</summary>
    public required double? Accuracy { get; init; }

    /// <summary>Mean weight where its own head is right.</summary>
    public required double? MeanWeightWhenRight { get; init; }

    /// <summary>Mean weight where its own head is wrong.</summary>
    public required double? MeanWeightWhenWrong { get; init; }

    /// <summary>The same while it is removed and recovered from the others.</summary>
    public required RecoveredModality Recovered { get; init; }

    /// <summary>The weights where its own head is right, for the plot.</summary>
    [JsonIgnore]
    public IReadOnlyList<float> WeightsWhenRight { get; init; } = [];

    /// <summary>The weights where its own head is wrong, for the plot.</summary>
    [JsonIgnore]
    public IReadOnlyList<float> WeightsWhenWrong { get; init; } = [];

    public static FusionModality From(int modality, IReadOnlyList<Prediction> complete, IReadOnlyList<Prediction> removed)
    {
        List<(Prediction Prediction, int Modality)> own = [.. complete.Select(p => (p, modality))];
        List<(Prediction Prediction, int Modality)> recovered = [.. removed.Where(p => !FusionReport.Brings(p.Available, modality)).Select(p => (p, modality))];
        var right = own.Where(cell => FusionReport.IsRight(cell.Prediction, modality) is true).ToList();
        var wrong = own.Where(cell => FusionReport.IsRight(cell.Prediction, modality) is false).ToList();
        return new()
        {
            MeanWeight = FusionReport.MeanWeightOf(own),
            Accuracy = FusionReport.AccuracyOf(own),
            MeanWeightWhenRight = FusionReport.MeanWeightOf(right),
            MeanWeightWhenWrong = FusionReport.MeanWeightOf(wrong),
            Recovered = new(recovered.Count, FusionReport.MeanWeightOf(recovered), FusionReport.AccuracyOf(recovered)),
            WeightsWhenRight = [.. right.Select(cell => cell.Prediction.Score.Weights[modality])],
            WeightsWhenWrong = [.. wrong.Select(cell => cell.Prediction.Score.Weights[modality])],
        };
    }
}

/// <summary>A modality that was removed.</summary>
/// <param name="Utterances">How often, over all subsets without it.</param>
/// <param name="MeanWeight">Mean weight of what stood in for it.</param>
/// <param name="Accuracy">How often its head is right on what stood in for it.</param>
internal sealed record RecoveredModality(int Utterances, double? MeanWeight, double? Accuracy);
