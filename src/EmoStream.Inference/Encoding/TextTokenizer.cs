using EmoStream.Contracts;
using EmoStream.Inference.Bundle;

namespace EmoStream.Inference.Encoding;

/// <summary>Text to the token ids that the bundle's text encoder was trained on, whatever family it is of.</summary>
/// <remarks>
/// A special token that somebody typed, such as <c>[SEP]</c> or <c>&lt;/s&gt;</c>, is plain text: nobody can end a text from inside it.
/// Thread-safe.
/// </remarks>
public sealed class TextTokenizer
{
    // A token needs a character. Beyond this no text of ordinary words reaches the model anyway, and one huge text must not hold up a batch.
    private const int CharactersPerToken = 128;

    private readonly ITextPieces _pieces;
    private readonly int _maxTokens;

    /// <exception cref="BundleException">The bundle does not encode text, or its vocabulary cannot be read.</exception>
    public TextTokenizer(ModelBundle bundle)
    {
        var encoder = bundle.Manifest.Modalities.FirstOrDefault(modality => modality.Name == Modality.Text)?.Encoder
            ?? throw new BundleException($"{BundleManifest.FileName}: modalities: expected a text encoder: {bundle.Id} does not encode text.");
        _maxTokens = encoder.MaxTokens;
        _pieces = encoder.Tokenizer switch
        {
            BundleEncoder.WordPiece => new WordPieces(bundle, encoder),
            BundleEncoder.Bpe => new BytePairs(bundle, encoder),
            BundleEncoder.SentencePiece => new SentencePieces(bundle, encoder),
            _ => throw new BundleException($"{BundleManifest.FileName}: unknown tokenizer '{encoder.Tokenizer}'."),
        };
    }

    /// <summary>Token ids with the family's first and last special token around them, cut to the encoder's length; an empty text gives just these two.</summary>
    public int[] Encode(string text)
    {
        var limit = _maxTokens * CharactersPerToken;
        var inner = _pieces.Encode(WellFormed(text.Length > limit ? text[..limit] : text), enough: _maxTokens - 2);
        var ids = new int[Math.Min(inner.Count + 2, _maxTokens)];
        ids[0] = _pieces.First;
        for (var i = 1; i < ids.Length - 1; i++)
        {
            ids[i] = inner[i - 1];
        }

        ids[^1] = _pieces.Last;
        return ids;
    }

    /// <summary>With U+FFFD for halves of surrogate pairs, which have no UTF-8 and which the libraries treat as they please.</summary>
    private static string WellFormed(string text)
        => text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')
            ? System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text))
            : text;
}
