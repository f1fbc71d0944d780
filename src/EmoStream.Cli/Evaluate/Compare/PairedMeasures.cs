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
    public required Agreement Agreement { get; init; }

    /// <summary>Null when there is no annotated utterance that both score.</summary>
    public static PairedMeasures? Of(IEnumerable<Prediction> a, IEnumerable<Prediction> b, int labels)
    {
        var second = b.Where(prediction => prediction.Row.Label >= 0).ToDictionary(prediction => (prediction.Dialogue, prediction.Position));
        var pairs = a.Where(prediction => prediction.Row.Label >= 0 && second.ContainsKey((prediction.Dialogue, prediction.Position)))
            .Select(prediction => (A: prediction, B: second[(prediction.Dialogue, prediction.Position)]))
            .ToList();
        if (pairs.Count == 0)
        {
            return null;
        }

        double[][] dialogues = [.. pairs.GroupBy(pair => pair.A.Dialogue).Select(dialogue => (double[])[.. Sums(dialogue.Select(pair => pair.A), labels), .. Sums(dialogue.Select(pair => pair.B), labels)])];
        var whole = new double[dialogues[0].Length];
        foreach (var sums in dialogues)
        {
            System.Numerics.Tensors.TensorPrimitives.Add(whole, sums, whole);
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
            Agreement = new(
                pairs.Count(pair => pair.A.IsRight && pair.B.IsRight),
                pairs.Count(pair => pair.A.IsRight && !pair.B.IsRight),
                pairs.Count(pair => !pair.A.IsRight && pair.B.IsRight),
                pairs.Count(pair => !pair.A.IsRight && !pair.B.IsRight)),
        };
    }

    /// <summary>Confusion counts, then the sums of both losses, then the utterances.</summary>
    private static double[] Sums(IEnumerable<Prediction> predictions, int labels)
    {
        var all = predictions.ToList();
        return [.. Measures.Counts(all, labels), all.Sum(CalibrationReport.NllOf), all.Sum(CalibrationReport.BrierOf), all.Count];
    }

    private static double[] Figures(ReadOnlySpan<double> sums, int labels)
    {
        var figures = Measure.Figures.Of(sums[..(labels * labels)], labels);
        return [figures.WeightedF1, figures.MacroF1, figures.Accuracy, sums[^3] / sums[^1], sums[^2] / sums[^1]];
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
