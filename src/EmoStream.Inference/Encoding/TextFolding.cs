using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace EmoStream.Inference.Encoding;

/// <summary>
/// What BERT does to a text before it looks for words: control and format characters go, every blank is a space, and for
/// uncased models accents come off ("café" and "cafe" are the same word).
/// </summary>
/// <remarks>
/// The library drops tabs and line ends as control characters, which would glue the words around them together, and keeps
/// format characters such as U+200B. string.Normalize takes accents off with ICU, but leaves them where the process runs in
/// globalization-invariant mode: the same text would get other tokens, and other scores, on another machine. This table is
/// the same everywhere.
/// </remarks>
internal static class TextFolding
{
    private static readonly FrozenDictionary<char, char> Bases = Load();

    public static string Fold(string text, bool takeAccentsOff)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            return text;
        }

        var folded = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            switch (Rune.GetUnicodeCategory(rune))
            {
                case UnicodeCategory.Control when rune.Value is '\t' or '\n' or '\r':
                case UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator:
                    folded.Append(' ');
                    break;
                case UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse:
                case UnicodeCategory.NonSpacingMark when takeAccentsOff:
                    break;
                case var _ when takeAccentsOff && rune.IsBmp:
                    folded.Append(Bases.GetValueOrDefault((char)rune.Value, (char)rune.Value));
                    break;
                default:
                    folded.Append(rune.ToString());
                    break;
            }
        }

        return folded.ToString();
    }

    /// <summary>Lines such as <c>0061 00E0 00E1</c>: the base, then what folds to it.</summary>
    private static FrozenDictionary<char, char> Load()
    {
        using var resource = typeof(TextFolding).Assembly.GetManifestResourceStream("accents.txt")!;
        using var reader = new StreamReader(resource);
        var bases = new Dictionary<char, char>();
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#'))
            {
                continue;
            }

            var characters = line.Split(' ');
            var to = Parse(characters[0]);
            foreach (var from in characters.AsSpan(1))
            {
                bases.Add(Parse(from), to);
            }
        }

        return bases.ToFrozenDictionary();
    }

    private static char Parse(string hex) => (char)ushort.Parse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
