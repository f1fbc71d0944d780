using System.Text;
using Microsoft.ML.Tokenizers;

namespace EmoStream.Inference.Encoding;

/// <summary>Splits a text for byte-level BPE, as GPT-2 and RoBERTa were trained.</summary>
/// <remarks>
/// GPT-2's pattern: <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>. Not as a .NET regular
/// expression, which sees two signs where a letter beyond the Basic Multilingual Plane stands (mathematical letters are
/// popular in chats); and this is twice as fast.
/// </remarks>
internal sealed class ByteLevelWords : PreTokenizer
{
    private static readonly string[] Contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

    private enum Kind
    {
        Letter,
        Number,
        Sign,
        Blank,
    }

    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => Split(text);

    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text) => Split(text);

    private static List<(int Offset, int Length)> Split(ReadOnlySpan<char> text)
    {
        var words = new List<(int, int)>();
        for (var start = 0; start < text.Length;)
        {
            var length = NextLength(text[start..]);
            words.Add((start, length));
            start += length;
        }

        return words;
    }

    private static int NextLength(ReadOnlySpan<char> text)
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
        while (length < text.Length && KindAt(text[length..], out var size) == kind)
        {
            length += size;
        }

        return length;
    }

    private static Kind KindAt(ReadOnlySpan<char> text, out int size)
    {
        // Half of a surrogate pair comes back as U+FFFD, a sign.
        Rune.DecodeFromUtf16(text, out var rune, out size);
        return Rune.IsLetter(rune) ? Kind.Letter
            : Rune.IsNumber(rune) ? Kind.Number
            : Rune.IsWhiteSpace(rune) ? Kind.Blank
            : Kind.Sign;
    }
}
