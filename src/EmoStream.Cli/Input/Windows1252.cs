using System.Text;

namespace EmoStream.Cli.Input;

/// <summary>
/// MELD's CSV files were written on Windows: apostrophes and dashes are either raw windows-1252 bytes (0x92), or those
/// bytes taken for Latin-1 and then written as UTF-8, which leaves the invisible control characters U+0080 to U+009F.
/// </summary>
internal static class Windows1252
{
    private static readonly Encoding CodePage = Provider();

    /// <summary>Opens a text file that is UTF-8 or, where it is not valid UTF-8, windows-1252.</summary>
    public static TextReader Open(string path)
    {
        var bytes = File.ReadAllBytes(path);
        ReadOnlySpan<byte> bom = [0xEF, 0xBB, 0xBF];
        var start = bytes.AsSpan().StartsWith(bom) ? bom.Length : 0;
        return new StringReader((System.Text.Unicode.Utf8.IsValid(bytes) ? Encoding.UTF8 : CodePage).GetString(bytes, start, bytes.Length - start));
    }

    /// <summary>Turns C1 control characters back into what windows-1252 means by them: U+0092 into ’.</summary>
    public static string Repair(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\u0080', '\u009F'))
        {
            return text;
        }

        return string.Create(text.Length, text, static (span, source) =>
        {
            Span<byte> one = stackalloc byte[1];
            for (var i = 0; i < span.Length; i++)
            {
                span[i] = source[i];
                if (source[i] is >= '\u0080' and <= '\u009F')
                {
                    one[0] = (byte)source[i];
                    CodePage.GetChars(one, span.Slice(i, 1));
                }
            }
        });
    }

    private static Encoding Provider()
    {
        Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);
        return Encoding.GetEncoding(1252);
    }
}
