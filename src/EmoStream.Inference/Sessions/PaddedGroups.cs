namespace EmoStream.Inference.Sessions;

/// <summary>
/// Splits sequences, sorted by length, into runs that are padded to their longest member: few runs, little padding,
/// bounded memory. Padding is paid in full by the model; a further run costs a fixed overhead.
/// </summary>
/// <param name="MaxCells">Most elements of a run, padding included; one sequence always fits.</param>
/// <param name="RunCost">What a run costs whatever its size, in elements: padding up to this is cheaper than another run.</param>
/// <param name="MaxWaste">Padding allowed beyond that, per useful element.</param>
internal readonly record struct PaddedGroups(int MaxCells, int RunCost, double MaxWaste)
{
    /// <summary>End (exclusive) of the run that begins at <paramref name="start"/>; lengths ascend.</summary>
    public int NextEnd(ReadOnlySpan<int> lengths, int start)
    {
        var useful = (long)lengths[start];
        var end = start + 1;
        while (end < lengths.Length)
        {
            useful += lengths[end];
            var cells = (long)lengths[end] * (end + 1 - start);
            if (cells > MaxCells || cells - useful > RunCost + (useful * MaxWaste))
            {
                break;
            }

            end++;
        }

        return end;
    }
}
