using System.Buffers;
using EmoStream.Contracts;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Sessions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace EmoStream.Inference.Encoding;

/// <summary>
/// Texts to descriptors with the bundle's text encoder: tokenise, sort by length, run in padded groups, round to float16.
/// Used by one thread at a time.
/// </summary>
/// <remarks>
/// input_ids, attention_mask: int64 [batch, tokens]; descriptor: float32 [batch, dimension] = [first token ; mean over tokens]
/// of the last hidden state. Padding has mask 0.
/// </remarks>
public sealed class TextEncoder : IDisposable
{
    // 2,048 tokens keep the attention of a 12-head encoder below 16 MB at the longest input.
    private static readonly PaddedGroups Groups = new(MaxCells: 2048, RunCost: 16, MaxWaste: 0.1);

    // Sums over tokens are split over the lanes of vector registers, the rest after them: with whole vectors only, padding
    // adds zeros and changes no sum, so that a text's descriptor is the same to the bit alone and in any batch.
    private const int Lanes = 4;

    private readonly OnnxModel _model;
    private readonly int _dimension;
    private readonly int _maxTokens;
    private readonly InferenceMetrics _metrics;
    private readonly TensorBuffer<long> _ids = new();
    private readonly TensorBuffer<long> _mask = new();
    private readonly TensorBuffer<float> _descriptors = new();

    /// <exception cref="BundleException">The bundle has no text encoder, or its files are not what the manifest says.</exception>
    public TextEncoder(ModelBundle bundle, InferenceOptions options, InferenceMetrics? metrics = null, ILogger? logger = null)
    {
        Tokenizer = new(bundle);
        var modality = Array.Find(bundle.Manifest.Modalities, m => m.Name == Modality.Text)!;
        (_dimension, _maxTokens) = (modality.Dimension, modality.Encoder!.MaxTokens);
        _metrics = metrics ?? new InferenceMetrics();
        _model = new(
            bundle,
            modality.Encoder.Model,
            new ExecutionProviders(options, logger ?? NullLogger.Instance),
            [new("input_ids", TensorElementType.Int64, -1, -1), new("attention_mask", TensorElementType.Int64, -1, -1)],
            [new("descriptor", TensorElementType.Float, -1, _dimension)]);
    }

    /// <summary>What the encoder reads.</summary>
    public TextTokenizer Tokenizer { get; }

    /// <summary>One descriptor per text, in the order of the texts.</summary>
    public byte[][] Encode(IReadOnlyList<string> texts)
    {
        var descriptors = new byte[texts.Count][];
        if (texts.Count == 0)
        {
            return descriptors;
        }

        // 1. Tokenise, and sort by length so that neighbours in a run need little padding.
        var tokens = new int[texts.Count][];
        var lengths = ArrayPool<int>.Shared.Rent(texts.Count);
        var order = ArrayPool<int>.Shared.Rent(texts.Count);
        for (var i = 0; i < tokens.Length; i++)
        {
            tokens[i] = Tokenizer.Encode(texts[i]);
            (lengths[i], order[i]) = (tokens[i].Length, i);
        }

        Array.Sort(lengths, order, 0, tokens.Length);

        // 2. Run group by group.
        var sorted = lengths.AsSpan(0, tokens.Length);
        for (var start = 0; start < sorted.Length;)
        {
            var end = Groups.NextEnd(sorted, start);
            var width = Math.Min((sorted[end - 1] + Lanes - 1) / Lanes * Lanes, _maxTokens);
            Run(order.AsSpan(start, end - start), tokens, width, descriptors);
            start = end;
        }

        ArrayPool<int>.Shared.Return(lengths);
        ArrayPool<int>.Shared.Return(order);
        return descriptors;
    }

    public void Dispose() => _model.Dispose();

    private void Run(ReadOnlySpan<int> members, int[][] tokens, int width, byte[][] descriptors)
    {
        var started = _metrics.Start();
        var used = 0;
        var ids = _ids.Take(members.Length * width);
        var mask = _mask.Take(members.Length * width);
        ids.Clear();
        mask.Clear();
        for (var row = 0; row < members.Length; row++)
        {
            var sequence = tokens[members[row]];
            for (var t = 0; t < sequence.Length; t++)
            {
                ids[(row * width) + t] = sequence[t];
            }

            mask.Slice(row * width, sequence.Length).Fill(1);
            used += sequence.Length;
        }

        var values = _descriptors.Take(members.Length * _dimension);
        long[] shape = [members.Length, width];
        _model.Run([_ids.Tensor(shape), _mask.Tensor(shape)], [_descriptors.Tensor([members.Length, _dimension])]);
        for (var row = 0; row < members.Length; row++)
        {
            descriptors[members[row]] = Descriptor.Pack(values.Slice(row * _dimension, _dimension));
        }

        _metrics.Encoded(started, used, ids.Length, _model.Provider);
    }
}
