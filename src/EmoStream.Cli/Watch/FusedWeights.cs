using System.Globalization;
using EmoStream.Contracts;
using EmoStream.Contracts.Timeline;

namespace EmoStream.Cli.Watch;

/// <summary>How much each modality counted, in percent and by its first letter: <c>T 61 A 27 (F 12)</c>; in parentheses what was recovered.</summary>
internal static class FusedWeights
{
    /// <summary>For the help of commands that show them.</summary>
    public const string Help = "Weights say in percent how much each modality counted: T text, A audio, F face, B body; in parentheses where it was recovered.";

    /// <summary>Whether there is anything to tell: a lone modality always counts for all.</summary>
    public static bool Has(TimelineEntry entry) => entry.Weights.Count > 1;

    public static string Of(TimelineEntry entry) => string.Join(' ', Modality.All.Where(entry.Weights.ContainsKey).Select(name =>
    {
        var weight = string.Create(CultureInfo.InvariantCulture, $"{char.ToUpperInvariant(name[0])} {entry.Weights[name] * 100:F0}");
        return entry.Recovered.Contains(name) ? $"({weight})" : weight;
    }));
}
