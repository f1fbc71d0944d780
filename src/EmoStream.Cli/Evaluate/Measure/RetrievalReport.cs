using System.Numerics.Tensors;

namespace EmoStream.Cli.Evaluate.Measure;

/// <summary>
/// Whether the joint space is one: an utterance's vector of one modality looks for its own vector of another among all
/// utterances that bring both, by cosine.
/// </summary>
internal sealed record RetrievalReport
{
    // Every query is compared with every candidate: beyond this a file's utterances are thinned out evenly.
    private const int MaxCandidates = 5000;

    /// <summary>Share of queries whose own vector comes first.</summary>
    public required double RecallAt1 { get; init; }

    /// <summary>Share of queries whose own vector is among the first ten.</summary>
    public required double RecallAt10 { get; init; }

    /// <summary>Median rank of a query's own vector, from 1.</summary>
    public required double MedianRank { get; init; }

    /// <summary>Vectors to choose from, and queries.</summary>
    public required int Candidates { get; init; }

    /// <summary><see cref="RecallAt1"/> of a random order.</summary>
    public required double ChanceAt1 { get; init; }

    /// <summary><see cref="RecallAt10"/> of a random order.</summary>
    public required double ChanceAt10 { get; init; }

    /// <summary>Both directions of every pair of modalities, keyed <c>audio>text</c> for audio looking for text.</summary>
    /// <returns>Null when the graph gives no joint vectors.</returns>
    public static IReadOnlyDictionary<string, RetrievalReport>? From(IReadOnlyList<string> names, IReadOnlyList<Prediction> predictions)
    {
        if (!predictions.Any(p => p.Diagnosis?.Joint is not null))
        {
            return null;
        }

        var pairs = new Dictionary<string, RetrievalReport>();
        for (var query = 0; query < names.Count; query++)
        {
            for (var target = 0; target < names.Count; target++)
            {
                var both = (1 << query) | (1 << target);
                var rows = predictions.Where(p => query != target && (p.Available & both) == both).ToList();
                if (rows.Count > 1)
                {
                    var step = Math.Max(1, (rows.Count + MaxCandidates - 1) / MaxCandidates);
                    float[][][] vectors = [.. rows.Where((_, i) => i % step == 0).Select(p => p.Diagnosis!.Joint!)];
                    pairs.Add($"{names[query]}>{names[target]}", Of(Array.ConvertAll(vectors, v => v[query]), Array.ConvertAll(vectors, v => v[target])));
                }
            }
        }

        return pairs;
    }

    /// <param name="queries">Unit vectors.</param>
    /// <param name="candidates">Unit vectors; the i-th is the i-th query's own.</param>
    public static RetrievalReport Of(float[][] queries, float[][] candidates)
    {
        var ranks = new int[queries.Length];
        Parallel.For(0, queries.Length, i => ranks[i] = Rank(queries[i], candidates, i));
        Array.Sort(ranks);
        var n = ranks.Length;
        return new()
        {
            RecallAt1 = ranks.Count(rank => rank <= 1) / (double)n,
            RecallAt10 = ranks.Count(rank => rank <= 10) / (double)n,
            MedianRank = (ranks[(n - 1) / 2] + ranks[n / 2]) / 2.0,
            Candidates = n,
            ChanceAt1 = 1.0 / n,
            ChanceAt10 = Math.Min(1, 10.0 / n),
        };
    }

    /// <summary>Equals come before one's own: a space that has collapsed to a point finds nothing.</summary>
    private static int Rank(float[] query, float[][] candidates, int own)
    {
        var (similarity, rank) = (TensorPrimitives.Dot<float>(query, candidates[own]), 1);
        for (var i = 0; i < candidates.Length; i++)
        {
            rank += i != own && TensorPrimitives.Dot<float>(query, candidates[i]) >= similarity ? 1 : 0;
        }

        return rank;
    }
}
