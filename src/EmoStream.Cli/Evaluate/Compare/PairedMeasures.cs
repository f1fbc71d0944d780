using System.Numerics.Tensors;
using EmoStream.Cli.Evaluate.Measure;

namespace EmoStream.Cli.Evaluate.Compare;

/// <summary>Two bundles on the same utterances.</summary>
internal sealed record PairedMeasures
{
    /// <summary>Annotated utterances that both score.</summary>
    public required int Utterances { get; init; }
    public required Difference WeightedF1 { get; init; }
    public required Difference MacroF1 { get; init; }
    public required Difference Accuracy { get; init; }

    /// <summary>Lower is better.</summary>
    public required Difference Nll { get; init; }

    /// <summary>Lower is better.</summary>
    public required Difference Brier { get; init; }

    /// <summary>
    /// Lower is better. Chance in a resample raises a small error more than a large one: the interval leans towards 0.
    /// </summary>
    public required Difference Ece { get; init; }

    /// <summary>Share of the sets that hold the annotation, on the utterances for which both offer one; null where there are none.</summary>
    public required Difference? Coverage { get; init; }
    public required Agreement Agreement { get; init; }

    /// <summary>Null when there is no annotated utterance that both score.</summary>
    public static PairedMeasures? Of(IEnumerable<Prediction> a, IEnumerable<Prediction> b, int labels)
    {
        var second = b.Where(prediction => prediction.Row.Label >= 0).ToDictionary(prediction => (prediction.Dialogue, prediction.Position));
        var pairs = a.Where(prediction => prediction.Row.Label >= 0 && second.ContainsKey((prediction.Dialogue, prediction.Position)))
            .Select(prediction => (A: prediction, B: second[(prediction.Dialogue, prediction.Position)]))
            .Select(pair => (pair.A, pair.B, BothOffer: pair.A.Score.PredictionSet is not null && pair.B.Score.PredictionSet is not null))
            .ToList();
        if (pairs.Count == 0)
        {
            return null;
        }

        double[][] dialogues = [.. pairs.GroupBy(pair => pair.A.Dialogue).Select(dialogue => (double[])
        [
            .. Sums(dialogue.Select(pair => (pair.A, pair.BothOffer)), labels),
            .. Sums(dialogue.Select(pair => (pair.B, pair.BothOffer)), labels),
        ])];
        var whole = new double[dialogues[0].Length];
        foreach (var sums in dialogues)
        {
            TensorPrimitives.Add(whole, sums, whole);
        }

        // Both bundles in one resample: what is hard for both cancels out of the difference.
        var half = whole.Length / 2;
        var (first, other) = (Figures(whole.AsSpan(0, half), labels), Figures(whole.AsSpan(half), labels));
        var bounds = Bootstrap.Intervals(dialogues, sums =>
        {
            var (x, y) = (Figures(sums.AsSpan(0, half), labels), Figures(sums.AsSpan(half), labels));
            return [.. y.Zip(x, (of, from) => of - from)];
        });
        Difference At(int figure) => new(first[figure], other[figure], other[figure] - first[figure], bounds?[figure]);
        return new()
        {
            Utterances = pairs.Count,
            WeightedF1 = At(0),
            MacroF1 = At(1),
            Accuracy = At(2),
            Nll = At(3),
            Brier = At(4),
            Ece = At(5),
            Coverage = double.IsNaN(first[6]) ? null : At(6),
            Agreement = new(
                pairs.Count(pair => pair.A.IsRight && pair.B.IsRight),
                pairs.Count(pair => pair.A.IsRight && !pair.B.IsRight),
                pairs.Count(pair => !pair.A.IsRight && pair.B.IsRight),
                pairs.Count(pair => !pair.A.IsRight && !pair.B.IsRight)),
        };
    }

    /// <summary>Confusion counts, then by bin of the confidence how far it is above what was right, then the sums of both losses, sets that hold the annotation, sets, utterances.</summary>
    private static double[] Sums(IEnumerable<(Prediction Prediction, bool HasSet)> predictions, int labels)
    {
        var all = predictions.Select(one => one.Prediction).ToList();
        var sets = predictions.Where(one => one.HasSet).Select(one => one.Prediction).ToList();
        var gaps = new double[CalibrationReport.BinCount];
        foreach (var prediction in all)
        {
            gaps[CalibrationReport.BinOf(prediction)] += prediction.Confidence - (prediction.IsRight ? 1.0 : 0.0);
        }

        return
        [
            .. Measures.Counts(all, labels), .. gaps, all.Sum(CalibrationReport.NllOf), all.Sum(CalibrationReport.BrierOf),
            sets.Count(prediction => prediction.Score.PredictionSet!.Contains(prediction.Row.Label)), sets.Count, all.Count,
        ];
    }

    private static double[] Figures(ReadOnlySpan<double> sums, int labels)
    {
        var figures = Measure.Figures.Of(sums[..(labels * labels)], labels);
        var ece = TensorPrimitives.SumOfMagnitudes(sums[(labels * labels)..^5]) / sums[^1];
        return [figures.WeightedF1, figures.MacroF1, figures.Accuracy, sums[^5] / sums[^1], sums[^4] / sums[^1], ece, sums[^3] / sums[^2]];
    }
}

/// <summary>One figure of both bundles.</summary>
/// <param name="A">The first's.</param>
/// <param name="B">The second's.</param>
/// <param name="Value">B minus A.</param>
/// <param name="Interval">95% bounds of it, from resampling dialogues; null for less than two. One that holds 0 shows no difference.</param>
internal sealed record Difference(
    double A,
    double B,
    [property: System.Text.Json.Serialization.JsonPropertyName("difference")] double Value,
    double[]? Interval);

/// <summary>
/// Who is right where, as McNemar counts. No test is made of them: it would take utterances of one conversation for
/// independent; the interval of the accuracy's difference is the answer.
/// </summary>
internal sealed record Agreement(int BothRight, int OnlyA, int OnlyB, int NeitherRight);
