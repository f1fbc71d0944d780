namespace EmoStream.Cli.Evaluate.Measure;

/// <summary>The headline figures of a confusion matrix, by scikit-learn's definitions with <c>zero_division=0</c>.</summary>
/// <param name="WeightedF1">Mean of the classes' F1, weighted by support.</param>
/// <param name="MacroF1">Plain mean of the F1 of the classes that occur in annotations or predictions.</param>
/// <param name="Accuracy">Share of right predictions.</param>
internal readonly record struct Figures(double WeightedF1, double MacroF1, double Accuracy)
{
    /// <param name="confusion">[annotated * labels + predicted]; doubles, so that a bootstrap can add them by vector.</param>
    /// <param name="labels">Number of labels.</param>
    public static Figures Of(ReadOnlySpan<double> confusion, int labels)
    {
        double all = 0, right = 0, weighted = 0, sum = 0;
        var present = 0;
        for (var c = 0; c < labels; c++)
        {
            double support = 0, predicted = 0;
            for (var other = 0; other < labels; other++)
            {
                support += confusion[(c * labels) + other];
                predicted += confusion[(other * labels) + c];
            }

            var hits = confusion[(c * labels) + c];
            var f1 = Ratio(2 * hits, support + predicted);
            all += support;
            right += hits;
            weighted += f1 * support;
            if (support + predicted > 0)
            {
                present++;
                sum += f1;
            }
        }

        return new(Ratio(weighted, all), Ratio(sum, present), Ratio(right, all));
    }

    /// <summary>The quotient; 0 over 0 is 0.</summary>
    public static double Ratio(double numerator, double denominator) => denominator == 0 ? 0 : numerator / denominator;
}
