using CsCheck;
using EmoStream.Contracts.Inference;
using EmoStream.Testing.Inference;

namespace EmoStream.Tests.Inference.Scoring;

/// <summary>What is promised of every score, for a model that uses all there is to use: modalities, look-ahead, speakers, recovery.</summary>
[Collection(nameof(FusionBundle))]
public sealed class FusionProperties
{
    private const float Tolerance = 1e-5f;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Score_OneByOneFromStoredDescriptors_EqualsTheWhole(int lookAhead)
    {
        var scorer = FusionBundle.Scorer(lookAhead);
        var window = scorer.Description.Window;
        Assert.Equal(9, window); // two layers and cross-attention of 2 rows, a speaker's past of 3
        Gen.Select(Gen.Int[1, 4 * window], Gen.Int[0, 7], Gen.Int[0, 1_000_000]).Sample(
            (length, mask, seed) =>
            {
                var whole = FusionBundle.Whole(FusionBundle.Conversation(length, mask, seed));
                var reply = scorer.Score([whole])[0];
                for (var i = 0; i < whole.Scored.Length; i++)
                {
                    var t = whole.Scored[i];
                    var (start, end) = (Math.Max(0, t - window), Math.Min(length, t + lookAhead + 1));
                    var rows = Enumerable.Range(start, end - start).Select(r => r == t || reply.Descriptors[r] is not { } known
                        ? whole.Rows[r]
                        : new() { Speaker = whole.Rows[r].Speaker, Descriptors = known });
                    var live = scorer.Score([new() { Rows = [.. rows], Scored = [t - start] }])[0];
                    AssertClose(reply.Scores[i], live.Scores[0]);
                }
            },
            iter: 60,
            threads: 1);
    }

    /// <summary>The model must need what the manifest says it needs: otherwise the test above proves nothing about the window.</summary>
    [Fact]
    public void Score_ContextShorterThanTheWindow_Differs()
    {
        var scorer = FusionBundle.Scorer(0);
        var whole = FusionBundle.Whole([.. FusionBundle.Conversation(40, mask: 7, seed: 1).Select(e => e with { Speaker = new("s0") })]);
        var all = scorer.Score([whole])[0].Scores[^1];

        var tooShort = scorer.Score([new() { Rows = whole.Rows[^scorer.Description.Window..], Scored = [scorer.Description.Window - 1] }])[0].Scores[0];

        Assert.Contains(all.Probabilities.Zip(tooShort.Probabilities), pair => Math.Abs(pair.First - pair.Second) > Tolerance);
    }

    [Fact]
    public void Score_NeighboursPaddingAndOrder_ChangeNothing()
    {
        var scorer = FusionBundle.Scorer(2);
        var request = Gen.Select(Gen.Int[1, 90], Gen.Int[0, 7], Gen.Int[0, 1_000_000], (rows, mask, seed) => FusionBundle.Whole(FusionBundle.Conversation(rows, mask, seed)));
        Gen.Select(request.Array[1, 8], Gen.Int[0, 1_000_000]).Sample(
            (batch, seed) =>
            {
                var shuffled = batch.ToArray();
                new Random(seed).Shuffle(shuffled);
                var together = scorer.Score(shuffled);
                foreach (var one in batch)
                {
                    var (alone, among) = (scorer.Score([one])[0], together[Array.IndexOf(shuffled, one)]);
                    Assert.Equal(alone.Scores.Length, among.Scores.Length);
                    Assert.All(alone.Scores.Zip(among.Scores), pair => AssertClose(pair.First, pair.Second));
                }
            },
            iter: 30,
            threads: 1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    public void Score_AnySubset_WeighsAllModalitiesAndSumsToOne(int mask)
    {
        var whole = FusionBundle.Whole(FusionBundle.Conversation(12, mask, seed: mask));

        Assert.All(FusionBundle.Scorer(0).Score([whole])[0].Scores, score =>
        {
            Assert.Equal(1, score.Weights.Sum(), 1e-5);
            Assert.All(score.Weights, weight => Assert.InRange(weight, 1e-6, 1)); // what is absent is recovered
            Assert.Equal(1, score.Probabilities.Sum(), 1e-5);
            Assert.Equal(mask == 7, score.PredictionSet is null); // the bundle has no threshold for all three
        });
    }

    private static void AssertClose(Score expected, Score actual)
    {
        Assert.All(expected.Probabilities.Zip(actual.Probabilities), pair => Assert.Equal(pair.First, pair.Second, Tolerance));
        Assert.All(expected.Weights.Zip(actual.Weights), pair => Assert.Equal(pair.First, pair.Second, Tolerance));
    }
}
