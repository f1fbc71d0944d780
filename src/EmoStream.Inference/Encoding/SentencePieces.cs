using System.Buffers;
using EmoStream.Inference.Bundle;
using Google.Protobuf;
using Microsoft.ML.Tokenizers;

namespace EmoStream.Inference.Encoding;

/// <summary>XLM-RoBERTa and DeBERTa v2 and v3: the likeliest pieces of the normalised text under a SentencePiece model.</summary>
internal sealed class SentencePieces : ITextPieces
{
    private readonly SentencePieceTokenizer _tokenizer;
    private readonly SearchValues<char> _deleted;
    private readonly BundleTokenIds _ids;

    /// <exception cref="BundleException">The model cannot be read.</exception>
    public SentencePieces(ModelBundle bundle, BundleEncoder encoder)
    {
        _ids = encoder.Ids!;
        try
        {
            var model = File.ReadAllBytes(bundle.PathOf(encoder.Vocabulary));
            _tokenizer = SentencePieceTokenizer.Create(new MemoryStream(model), addBeginningOfSentence: false, addEndOfSentence: false);
            _deleted = SearchValues.Create(CharacterMap.Read(model).Deleted());
        }
        // NullReferenceException: what the library makes of a model without its sections.
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or InvalidProtocolBufferException or IndexOutOfRangeException or NullReferenceException)
        {
            throw new BundleException($"{encoder.Vocabulary}: expected a SentencePiece model: {e.Message}", e);
        }
    }

    public int First => _ids.First;

    public int Last => _ids.Last;

    public IReadOnlyList<int> Encode(string text, int enough)
    {
        var pieces = _tokenizer.EncodeToIds(Prepare(text), addBeginningOfSentence: false, addEndOfSentence: false);
        var ids = new List<int>(pieces.Count);
        var afterUnknown = false;
        foreach (var piece in pieces)
        {
            // SentencePiece gives one unknown piece for a whole stretch, the library one for every character of it.
            var unknown = piece == _tokenizer.UnknownId;
            if (!unknown || !afterUnknown)
            {
                ids.Add(unknown ? _ids.Unknown : piece + _ids.Offset);
            }

            afterUnknown = unknown;
        }

        return ids;
    }

    private string Prepare(string text)
    {
        // The library keeps characters that the model's normalisation deletes.
        return text.AsSpan().ContainsAny(_deleted) ? string.Concat(text.Where(c => !_deleted.Contains(c))) : text;
    }
}
