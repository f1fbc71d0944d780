using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace EmoStream.Inference.Encoding;

/// <summary>
/// Takes accents off, as BERT's uncased models were trained: "café" and "cafe" are the same word.
/// </summary>
/// <remarks>
/// string.Normalize does this with ICU, but leaves accents where the process runs in globalization-invariant mode: the
/// same text would get other tokens, and other scores, on another machine. This table is the same everywhere.
/// </remarks>
internal static class TextFolding
{
    private static readonly FrozenDictionary<char, char> Bases = Load();

    public static string TakeAccentsOff(string text)
    {
        if (Ascii.IsValid(text))
        {
            return text;
        }

        var folded = new StringBuilder(text.Length);
        // Halves of surrogate pairs become U+FFFD here, which the tokenizer drops.
        foreach (var rune in text.EnumerateRunes())
        {
            if (Rune.GetUnicodeCategory(rune) == UnicodeCategory.NonSpacingMark)
            {
                continue;
            }

            if (rune.IsBmp)
            {
                folded.Append(Bases.GetValueOrDefault((char)rune.Value, (char)rune.Value));
            }
            else
            {
                folded.Append(rune.ToString());
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
