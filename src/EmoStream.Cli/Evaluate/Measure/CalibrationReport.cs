namespace EmoStream.Cli.Evaluate.Measure;

/// <summary>Whether probabilities mean what they say, and whether the sets hold the truth as often as promised.</summary>
internal sealed record CalibrationReport
{
    /// <summary>Bins of the reliability diagram.</summary>
    public const int BinCount = 15;

    // What numpy-based training clips to; float32 probabilities can be exactly 0.
    private const double Smallest = 1e-12;

    /// <summary>Expected calibration error of the most probable label over 15 bins of equal width (Guo et al. 2017).</summary>
    public required double Ece { get; init; }

    /// <summary>Mean negative log-likelihood of the annotation, natural logarithm.</summary>
    public required double Nll { get; init; }

    /// <summary>Mean over utterances of the squared error summed over the labels, 0 to 2 (Brier 1950).</summary>
    public required double Brier { get; init; }

    /// <summary>Share of the offered sets that hold the annotation; null where none is offered.</summary>
    public required double? Coverage { get; init; }

    /// <summary>Mean number of labels in the offered sets; null where none is offered.</summary>
    public required double? SetSize { get; init; }

    /// <summary>Share of utterances that get a set: the bundle has a threshold for what they bring.</summary>
    public required double Offered { get; init; }

    /// <summary>The bins that are not empty, by confidence.</summary>
    public required IReadOnlyList<ReliabilityBin> Bins { get; init; }

    /// <param name="predictions">Of annotated utterances.</param>
    public static CalibrationReport From(IReadOnlyCollection<Prediction> predictions)
    {
        var bins = new (int Count, int Right, double Confidence)[BinCount];
        double nll = 0, brier = 0;
        int sets = 0, held = 0, size = 0;
        foreach (var prediction in predictions)
        {
            ref var bin = ref bins[BinOf(prediction)];
            bin = (bin.Count + 1, bin.Right + (prediction.IsRight ? 1 : 0), bin.Confidence + prediction.Confidence);
            nll += NllOf(prediction);
            brier += BrierOf(prediction);
            if (prediction.Score.PredictionSet is { } set)
            {
                sets++;
                size += set.Length;
                held += set.Contains(prediction.Row.Label) ? 1 : 0;
            }
        }

        var n = predictions.Count;
        return new()
        {
            Ece = bins.Sum(bin => Figures.Ratio(Math.Abs(bin.Confidence - bin.Right), n)),
            Nll = Figures.Ratio(nll, n),
            Brier = Figures.Ratio(brier, n),
            Coverage = sets == 0 ? null : (double)held / sets,
            SetSize = sets == 0 ? null : (double)size / sets,
            Offered = Figures.Ratio(sets, n),
            Bins = [.. bins.Where(bin => bin.Count > 0).Select(bin => new ReliabilityBin(bin.Confidence / bin.Count, (double)bin.Right / bin.Count, bin.Count))],
        };
    }

    /// <summary>The bin that the prediction's confidence falls into.</summary>
    public static int BinOf(Prediction prediction) => Math.Min((int)(prediction.Confidence * BinCount), BinCount - 1);

    /// <summary>-log of the annotation's probability.</summary>
    public static double NllOf(Prediction prediction) => -Math.Log(Math.Max(prediction.Score.Probabilities[prediction.Row.Label], Smallest));

    /// <summary>Squared distance of the probabilities from the annotation.</summary>
    public static double BrierOf(Prediction prediction)
    {
        var sum = 0.0;
        for (var c = 0; c < prediction.Score.Probabilities.Length; c++)
        {
            var error = prediction.Score.Probabilities[c] - (c == prediction.Row.Label ? 1.0 : 0.0);
            sum += error * error;
        }

        return sum;
    }
}

/// <summary>One bin of a reliability diagram: mean confidence, share of right predictions, utterances.</summary>
internal sealed record ReliabilityBin(double Confidence, double Accuracy, int Utterances);
