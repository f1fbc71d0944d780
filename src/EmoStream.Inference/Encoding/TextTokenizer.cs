using System.Text.RegularExpressions;
using EmoStream.Contracts;
using EmoStream.Inference.Bundle;
using Microsoft.ML.Tokenizers;

namespace EmoStream.Inference.Encoding;

/// <summary>BERT's uncased WordPiece: text to the token ids that the bundle's text encoder was trained on.</summary>
public sealed partial class TextTokenizer
{
    // A token needs a character. Beyond this no text of ordinary words reaches the model anyway, and one huge text must not hold up a batch.
    private const int CharactersPerToken = 128;

    private readonly BertTokenizer _tokenizer;
    private readonly int _maxTokens;
    private readonly bool _uncased;

    /// <exception cref="BundleException">The bundle does not encode text, or its vocabulary cannot be read.</exception>
    public TextTokenizer(ModelBundle bundle)
    {
        var encoder = bundle.Manifest.Modalities.FirstOrDefault(modality => modality.Name == Modality.Text)?.Encoder
            ?? throw new BundleException($"{BundleManifest.FileName}: modalities: expected a text encoder: {bundle.Id} does not encode text.");
        (_maxTokens, _uncased) = (encoder.MaxTokens, encoder.Lowercase);
        try
        {
            _tokenizer = BertTokenizer.Create(bundle.PathOf(encoder.Vocabulary), new BertOptions
            {
                LowerCaseBeforeTokenization = encoder.Lowercase,
                // Accents are off before: see TextFolding.
                RemoveNonSpacingMarks = false,
                // The built-in splitter drops $ + < = > ^ ` | ~ and the like, which BERT treats as punctuation.
                // No special tokens: a "[SEP]" that somebody typed is plain text.
                PreTokenizer = new RegexPreTokenizer(WordOrSign(), specialTokens: null),
            });
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or InvalidDataException or FormatException)
        {
            throw new BundleException($"{encoder.Vocabulary}: expected a WordPiece vocabulary, one token per line, with [PAD], [UNK], [CLS] and [SEP]: {e.Message}", e);
        }
    }

    /// <summary>Token ids with [CLS] first and [SEP] last, cut to the encoder's length; an empty text gives just these two.</summary>
    public int[] Encode(string text)
    {
        var ids = _tokenizer.EncodeToIds(Prepare(text), addSpecialTokens: true);
        if (ids.Count <= _maxTokens)
        {
            return [.. ids];
        }

        var cut = new int[_maxTokens];
        for (var i = 0; i < cut.Length - 1; i++)
        {
            cut[i] = ids[i];
        }

        cut[^1] = _tokenizer.SeparatorTokenId;
        return cut;
    }

    private string Prepare(string text)
    {
        var limit = _maxTokens * CharactersPerToken;
        var kept = text.Length > limit ? text[..limit] : text;
        return _uncased ? TextFolding.TakeAccentsOff(kept) : kept;
    }

    [GeneratedRegex(@"[\p{P}$+<=>^`|~]|[^\s\p{P}$+<=>^`|~]+")]
    private static partial Regex WordOrSign();
}
