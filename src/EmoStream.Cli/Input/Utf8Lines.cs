using System.Text;

namespace EmoStream.Cli.Input;

/// <summary>The lines of a text file, for every command that reads JSONL: strictly UTF-8, with or without a byte order mark.</summary>
internal static class Utf8Lines
{
    private const string Mark = "\u00EF\u00BB\u00BF";

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Opens a file or a pipe.</summary>
    /// <exception cref="InputException">It cannot be opened.</exception>
    public static FileStream Open(string path) => InputException.Guard(path, () => File.OpenRead(path));

    /// <summary>Reads the lines that are not blank, one by one, numbered from 1; a text is null where it is not valid UTF-8.</summary>
    /// <exception cref="InputException">The file cannot be read.</exception>
    public static IEnumerable<(int Number, string? Text)> Read(string path, Stream stream)
    {
        // Latin-1 keeps every byte, so that lines are decoded one by one: a bad byte is known by its line.
        using var reader = new StreamReader(stream, Encoding.Latin1, detectEncodingFromByteOrderMarks: false);
        for (var number = 1; InputException.Guard(path, reader.ReadLine) is { } bytes; number++)
        {
            var text = Decode(number == 1 && bytes.StartsWith(Mark, StringComparison.Ordinal) ? bytes[Mark.Length..] : bytes);
            if (text is null || !string.IsNullOrWhiteSpace(text))
            {
                yield return (number, text);
            }
        }
    }

    private static string? Decode(string bytes)
    {
        try
        {
            return Strict.GetString(Encoding.Latin1.GetBytes(bytes));
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
