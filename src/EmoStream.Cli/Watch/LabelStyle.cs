using Spectre.Console;

namespace EmoStream.Cli.Watch;

/// <summary>One colour per label, the same in every table, lane and bar.</summary>
internal static class LabelStyle
{
    // Labels that bundles commonly have; others take a colour of the palette by their name.
    private static readonly Dictionary<string, Color> Known = new(StringComparer.OrdinalIgnoreCase)
    {
        ["neutral"] = Color.Grey,
        ["joy"] = Color.Gold1,
        ["happiness"] = Color.Gold1,
        ["surprise"] = Color.Cyan1,
        ["anger"] = Color.Red1,
        ["sadness"] = Color.DodgerBlue1,
        ["disgust"] = Color.Green3,
        ["fear"] = Color.MediumPurple1,
    };

    private static readonly Color[] Palette = [Color.Orange1, Color.HotPink, Color.SpringGreen2, Color.SteelBlue1, Color.Khaki1, Color.Salmon1];

    public static Color ColorOf(string? label)
    {
        if (label is null)
        {
            return Color.Grey37;
        }

        if (Known.TryGetValue(label, out var color))
        {
            return color;
        }

        // string.GetHashCode differs from run to run.
        var sum = 0;
        foreach (var c in label)
        {
            sum = ((sum * 31) + c) & 0x7FFFFFFF;
        }

        return Palette[sum % Palette.Length];
    }
}
