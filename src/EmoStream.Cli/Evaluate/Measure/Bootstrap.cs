using System.Numerics.Tensors;

namespace EmoStream.Cli.Evaluate.Measure;

/// <summary>
/// 95% percentile intervals by resampling whole dialogues: utterances of one conversation are not independent, so
/// resampling them alone would promise too much. Each dialogue is a vector of sums (confusion counts, losses); a resample
/// adds as many of them as there are dialogues. The draws depend on the seed and that number alone, so that one file
/// gives one answer, and two bundles that are compared see the same resamples.
/// </summary>
internal static class Bootstrap
{
    public const int Resamples = 1000;

    private const int Seed = 10921;

    /// <summary>Bounds of every figure; null for less than two dialogues, which tell nothing about others.</summary>
    /// <param name="dialogues">Per dialogue its sums, all of one length.</param>
    /// <param name="figures">From summed sums to figures, NaN where a resample does not tell one; what it is given changes with the next call.</param>
    public static double[][]? Intervals(IReadOnlyList<double[]> dialogues, Func<double[], double[]> figures)
    {
        if (dialogues.Count < 2)
        {
            return null;
        }

        var random = new Random(Seed);
        var sums = new double[dialogues[0].Length];
        var samples = new double[Resamples][];
        for (var r = 0; r < Resamples; r++)
        {
            Array.Clear(sums);
            for (var d = 0; d < dialogues.Count; d++)
            {
                TensorPrimitives.Add(sums, dialogues[random.Next(dialogues.Count)], sums);
            }

            samples[r] = figures(sums);
        }

        return [.. Enumerable.Range(0, samples[0].Length).Select(figure => Bounds([.. samples.Select(sample => sample[figure])]))];
    }

    /// <summary>Percentiles 2.5 and 97.5 of what is told, interpolated as numpy's default does.</summary>
    private static double[] Bounds(double[] values)
    {
        Array.Sort(values);
        // NaN sorts before every number.
        var told = values[values.Count(double.IsNaN)..];
        return told.Length == 0 ? [double.NaN, double.NaN] : [Percentile(told, 0.025), Percentile(told, 0.975)];
    }

    private static double Percentile(double[] sorted, double share)
    {
        var at = share * (sorted.Length - 1);
        var below = (int)at;
        return double.Lerp(sorted[below], sorted[Math.Min(below + 1, sorted.Length - 1)], at - below);
    }
}
