using System.Globalization;
using Spectre.Console;

namespace EmoStream.Cli.Evaluate.Report;

/// <summary>How figures look in tables: the invariant culture, a dash where there is none.</summary>
internal static class Cells
{
    public static Table Table(string title) => new Table().Title(new TableTitle(Markup.Escape(title))).Border(TableBorder.Rounded);

    public static Text Number(double? value, string format = "F4") => new(Plain(value, format));

    public static Text Count(int value) => new(value.ToString(CultureInfo.InvariantCulture));

    public static string Plain(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "-";

    public static string Percent(double? share) => share is null ? "-" : string.Create(CultureInfo.InvariantCulture, $"{share * 100:0.#}%");

    /// <summary>Both bounds in brackets; nothing where there are none.</summary>
    public static string Bounds(double[]? bounds, string format = "F4")
        => bounds is [var low, var high] ? $"[{Plain(low, format)}, {Plain(high, format)}]" : "";
}
