using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace EmoStream.Cli.Evaluate;

/// <summary>
/// Which modalities an utterance loses at a rate, the same on every machine and in training's Python: modality m is
/// dropped when u(m) is below the rate, u(m) = the first 8 bytes, big endian, of
/// SHA-256(UTF-8 of "conversation\nutterance\nmodality") / 2^64. An utterance that would lose everything it brings keeps
/// the modality with the largest u. So what is missing at one rate is missing at every higher one.
/// </summary>
internal sealed class RandomMissing(IReadOnlyList<string> modalities)
{
    /// <summary>.1 to .7, as in the literature.</summary>
    public static IReadOnlyList<double> Rates { get; } = [.1, .2, .3, .4, .5, .6, .7];

    /// <summary>What is left of an utterance, as a mask.</summary>
    /// <param name="conversationId">The conversation.</param>
    /// <param name="utteranceId">The utterance.</param>
    /// <param name="available">What it brings.</param>
    /// <param name="rate">0 to 1.</param>
    public int Keep(string conversationId, string utteranceId, int available, double rate)
    {
        var (kept, last, largest) = (0, 0, -1.0);
        for (var m = 0; m < modalities.Count; m++)
        {
            if ((available & (1 << m)) == 0)
            {
                continue;
            }

            var u = Draw(conversationId, utteranceId, modalities[m]);
            kept |= u < rate ? 0 : 1 << m;
            if (u > largest)
            {
                (largest, last) = (u, 1 << m);
            }
        }

        return kept == 0 ? last : kept;
    }

    /// <summary>u, in [0, 1].</summary>
    public static double Draw(string conversationId, string utteranceId, string modality)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes($"{conversationId}\n{utteranceId}\n{modality}"), hash);
        return BinaryPrimitives.ReadUInt64BigEndian(hash) / 18446744073709551616.0;
    }
}
