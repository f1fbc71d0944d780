using System.Globalization;

namespace EmoStream.Cli;

/// <summary>How tables show what utterances bring.</summary>
internal static class Readable
{
    /// <summary>Minutes and whole seconds that have passed, as on the page.</summary>
    public static string Time(long? milliseconds)
    {
        if (milliseconds is not { } ms)
        {
            return "--:--";
        }

        // Integers, because a TimeSpan ends before the last valid time.
        var (minutes, seconds) = Math.DivRem(ms / 1000, 60);
        return minutes < 60
            ? string.Create(CultureInfo.InvariantCulture, $"{minutes:00}:{seconds:00}")
            : string.Create(CultureInfo.InvariantCulture, $"{minutes / 60}:{minutes % 60:00}:{seconds:00}");
    }

    /// <summary>One line of at most that many characters.</summary>
    public static string Cut(string text, int width)
    {
        var line = text.ReplaceLineEndings(" ");
        if (line.Length <= width)
        {
            return line;
        }

        // Never half of a surrogate pair.
        var end = width - 1;
        return line[..(char.IsHighSurrogate(line[end - 1]) ? end - 1 : end)] + "…";
    }
}
