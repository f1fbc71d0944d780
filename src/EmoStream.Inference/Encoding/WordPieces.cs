using System.Text.RegularExpressions;
using EmoStream.Inference.Bundle;
using Microsoft.ML.Tokenizers;

namespace EmoStream.Inference.Encoding;

/// <summary>BERT: words and signs, then the longest pieces of a word that vocab.txt has. <see cref="TextFolding"/> comes before.</summary>
internal sealed partial class WordPieces : ITextPieces
{
    private readonly BertTokenizer _tokenizer;
    private readonly bool _uncased;

    /// <exception cref="BundleException">The vocabulary cannot be read.</exception>
    public WordPieces(ModelBundle bundle, BundleEncoder encoder)
    {
        _uncased = encoder.Lowercase ?? true;
        try
        {
            _tokenizer = BertTokenizer.Create(bundle.PathOf(encoder.Vocabulary), new BertOptions
            {
                LowerCaseBeforeTokenization = _uncased,
                // Accents are off before.
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

    public int First => _tokenizer.ClassificationTokenId;

    public int Last => _tokenizer.SeparatorTokenId;

    public IReadOnlyList<int> Encode(string text, int enough)
        => _tokenizer.EncodeToIds(TextFolding.Fold(text, takeAccentsOff: _uncased), addSpecialTokens: false);

    [GeneratedRegex(@"[\p{P}$+<=>^`|~]|[^\s\p{P}$+<=>^`|~]+")]
    private static partial Regex WordOrSign();
}
