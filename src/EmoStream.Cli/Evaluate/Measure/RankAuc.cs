namespace EmoStream.Cli.Evaluate.Measure;

/// <summary>Area under the ROC curve, as the probability that a random positive has the larger score (Mann-Whitney).</summary>
internal static class RankAuc
{
    /// <summary>Ties count half; null when one side is empty.</summary>
    public static double? Of(IReadOnlyCollection<double> positives, IReadOnlyCollection<double> negatives)
    {
        if (positives.Count == 0 || negatives.Count == 0)
        {
            return null;
        }

        (double Score, bool IsPositive)[] all = [.. positives.Select(score => (score, true)), .. negatives.Select(score => (score, false))];
        Array.Sort(all, static (a, b) => a.Score.CompareTo(b.Score));
        var rankSum = 0.0;
        for (var start = 0; start < all.Length;)
        {
            var end = start + 1;
            while (end < all.Length && all[end].Score == all[start].Score)
            {
                end++;
            }

            // Ranks start + 1 to end share their mean.
            rankSum += (start + 1 + end) / 2.0 * all.AsSpan(start, end - start).ToArray().Count(entry => entry.IsPositive);
            start = end;
        }

        return (rankSum - (positives.Count * (positives.Count + 1.0) / 2)) / ((double)positives.Count * negatives.Count);
    }
}
