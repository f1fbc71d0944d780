using System.Text.Json;
using EmoStream.Inference.Bundle;
using Microsoft.ML.Tokenizers;

namespace EmoStream.Inference.Encoding;

/// <summary>RoBERTa: words with the blank before them, as UTF-8 bytes, merged pair by pair in the order of merges.txt.</summary>
internal sealed class BytePairs : ITextPieces
{
    private const string Begin = "<s>";
    private const string End = "</s>";

    private readonly BpeTokenizer _tokenizer;
    private readonly bool _prefixSpace;

    /// <exception cref="BundleException">The vocabulary or the merges cannot be read.</exception>
    public BytePairs(ModelBundle bundle, BundleEncoder encoder)
    {
        _prefixSpace = encoder.PrefixSpace ?? false;
        try
        {
            _tokenizer = BpeTokenizer.Create(new BpeOptions(bundle.PathOf(encoder.Vocabulary), bundle.PathOf(encoder.Merges!))
            {
                ByteLevel = true,
            });
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or JsonException or FormatException)
        {
            throw new BundleException($"{encoder.Vocabulary}, {encoder.Merges}: expected a byte-level BPE vocabulary (a JSON object from token to id) and its merges, two tokens per line: {e.Message}", e);
        }

        (First, Last) = (IdOf(Begin, encoder), IdOf(End, encoder));
        // Whatever is written ends in bytes: with all of them known, no text has an unknown piece.
        for (var b = 0; b < 256; b++)
        {
            IdOf(((char)(b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE ? b : Shifted(b))).ToString(), encoder);
        }
    }

    public int First { get; }

    public int Last { get; }

    public IReadOnlyList<int> Encode(string text, int enough)
    {
        var rest = (_prefixSpace && text.Length > 0 && text[0] != ' ' ? $" {text}" : text).AsSpan();
        var ids = new List<int>();
        // Word by word: the library takes microseconds for every byte, and a text may be far longer than what is read of it.
        while (rest.Length > 0 && ids.Count < enough)
        {
            var length = ByteLevelWords.NextLength(rest);
            ids.AddRange(_tokenizer.EncodeToIds(rest[..length], considerPreTokenization: false));
            rest = rest[length..];
        }

        return ids;
    }

    /// <summary>Bytes that are no visible character of Latin-1 are written as U+0100 and on, in their order.</summary>
    private static int Shifted(int b) => b switch
    {
        <= ' ' => 0x100 + b,
        <= 0xA0 => 0x121 + b - 0x7F,
        _ => 0x143,
    };

    private int IdOf(string token, BundleEncoder encoder)
        => _tokenizer.Vocabulary.TryGetValue(token, out var id) ? id
            : throw new BundleException($"{encoder.Vocabulary}: expected a byte-level BPE vocabulary with {Begin}, {End} and all 256 bytes; '{token}' is missing.");
}
