using System.Text;

namespace EmoStream.Inference.Encoding;

/// <summary>Splits a text for byte-level BPE, as GPT-2 and RoBERTa were trained.</summary>
/// <remarks>
/// GPT-2's pattern: <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>. Not as a .NET regular
/// expression, which sees two signs where a letter beyond the Basic Multilingual Plane stands (mathematical letters are
/// popular in chats).
/// </remarks>
internal static class ByteLevelWords
{
    // Merging takes time for every byte of a word. No encoder reads this far into one: tokens have a few characters.
    private const int Longest = 1024;

    private static readonly string[] Contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

    private enum Kind
    {
        Letter,
        Number,
        Sign,
        Blank,
    }

    /// <summary>Length of the first word of a text that is not empty.</summary>
    public static int NextLength(ReadOnlySpan<char> text)
    {
        // 1. A contraction.
        if (text[0] == '\'')
        {
            foreach (var contraction in Contractions)
            {
                if (text.StartsWith(contraction))
                {
                    return contraction.Length;
                }
            }
        }

        // 2. Letters, numbers or signs, with one blank before them.
        var blank = text[0] == ' ' && text.Length > 1 ? 1 : 0;
        var kind = KindAt(text[blank..], out _);
        if (kind != Kind.Blank)
        {
            return blank + RunLength(text[blank..], kind);
        }

        // 3. Blanks, of which the last belongs to the word after them.
        var run = RunLength(text, Kind.Blank);
        return run == text.Length || run == 1 ? run : run - 1;
    }

    private static int RunLength(ReadOnlySpan<char> text, Kind kind)
    {
        var length = 0;
        while (length < Math.Min(text.Length, Longest) && KindAt(text[length..], out var size) == kind)
        {
            length += size;
        }

        return length;
    }

    private static Kind KindAt(ReadOnlySpan<char> text, out int size)
    {
        Rune.DecodeFromUtf16(text, out var rune, out size);
        return Rune.IsLetter(rune) ? Kind.Letter
            : Rune.IsNumber(rune) ? Kind.Number
            : Rune.IsWhiteSpace(rune) ? Kind.Blank
            : Kind.Sign;
    }
}
