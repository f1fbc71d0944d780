using System.CommandLine;
using System.Globalization;

namespace EmoStream.Cli.Replay;

/// <summary>The option <c>--speed N|max</c>; null means max.</summary>
internal static class Speed
{
    public const string Max = "max";

    public static Option<string> Option(string description)
        => new Option<string>("--speed") { Description = description, HelpName = "N|max" }
            .Require(IsSpeed, "--speed must be a number above 0, such as 8 or 0.5, or max.");

    /// <summary>Null for <c>max</c>.</summary>
    public static double? Parse(string value)
        => value == Max ? null : double.Parse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture);

    private static bool IsSpeed(string? value)
        => value == Max || (double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var speed) && speed is > 0 and <= 1_000_000);
}
