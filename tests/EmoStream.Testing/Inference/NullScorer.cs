using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using EmoStream.Contracts;
using EmoStream.Contracts.Inference;
using EmoStream.Inference.Scoring;

namespace EmoStream.Testing.Inference;

/// <summary>
/// A deterministic score that costs next to nothing, so that what is measured is the stream: every text is hashed (FNV-1a,
/// 64 bits), and probability k is byte k of the hashes summed over the window of 16, divided by the sum of all.
/// </summary>
public sealed class NullScorer : IScorer
{
    private const int Window = 16;
    private const ulong FnvOffset = 0xcbf29ce484222325;
    private const ulong FnvPrime = 0x100000001b3;
    private static readonly ManualResetEvent s_never = new(false);

    /// <summary>How long each batch takes, in milliseconds: a slow model. The default is 0.</summary>
    public int DelayMs { get; set; }

    // The hash's 8 bytes travel as four float16 values; nobody computes with them as numbers.
    /// <inheritdoc />
    public ModelDescription Description { get; } = new()
    {
        Bundle = "null@1",
        Labels = ["neutral", "joy", "surprise", "anger", "sadness", "disgust", "fear"],
        Modalities = [new(Modality.Text, "text/fnv1a@1", 4, HasEncoder: true)],
        Window = Window - 1,
    };

    /// <inheritdoc />
    public ScoreReply[] Score(IReadOnlyList<ScoreRequest> batch)
    {
        if (DelayMs > 0) s_never.WaitOne(DelayMs);
        var replies = new ScoreReply[batch.Count];
        for (var i = 0; i < replies.Length; i++) replies[i] = Score(batch[i]);
        return replies;
    }

    private ScoreReply Score(ScoreRequest request)
    {
        var rows = request.Rows;
        var encoded = new byte[]?[]?[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            if (rows[i].Descriptors is null) encoded[i] = [Hash(rows[i].Input!.Text!)];
        }

        var scores = new Score[request.Scored.Length];
        Span<int> sums = stackalloc int[Description.Labels.Length];
        for (var s = 0; s < scores.Length; s++)
        {
            var at = request.Scored[s];
            sums.Clear();
            var total = 0;
            for (var r = Math.Max(0, at - Window + 1); r <= at; r++)
            {
                if ((rows[r].Descriptors ?? encoded[r])![0] is not { } hash) continue;
                for (var k = 0; k < sums.Length; k++)
                {
                    sums[k] += hash[k];
                    total += hash[k];
                }
            }

            var probabilities = new float[sums.Length];
            for (var k = 0; k < sums.Length; k++) probabilities[k] = (float)((double)sums[k] / total);
            scores[s] = new() { Probabilities = probabilities, Weights = [1] };
        }

        return new() { Bundle = Description.Bundle, Descriptors = encoded, Scores = scores };
    }

    private static byte[] Hash(string text)
    {
        var utf8 = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        var hash = FnvOffset;
        foreach (var b in utf8.AsSpan(0, Encoding.UTF8.GetBytes(text, utf8))) hash = (hash ^ b) * FnvPrime;
        ArrayPool<byte>.Shared.Return(utf8);
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, hash);
        return bytes;
    }
}
