using CsCheck;
using EmoStream.Contracts.Inference;
using EmoStream.Inference.Encoding;
using EmoStream.Inference.Scoring;

namespace EmoStream.Tests.Inference.Scoring;

public sealed class OnnxScorerTests : IDisposable
{
    private const float Tolerance = 1e-5f;
    private static readonly string[] Texts = ["We are late again!", "", "ok", "unhappy café $", "why is it not done today , they are good", "fine"];

    private readonly OnnxScorer _scorer = TinyBundle.Open();

    public void Dispose() => _scorer.Dispose();

    [Fact]
    public void Score_WholeConversation_EqualsTheReference()
    {
        var reply = _scorer.Score([TinyBundle.Whole(TinyBundle.Rows())])[0];

        Assert.Equal("tiny@1.2.3", reply.Bundle);
        for (var i = 0; i < TinyBundle.Expected.Scores.Length; i++)
        {
            var (expected, actual) = (TinyBundle.Expected.Scores[i], reply.Scores[i]);
            AssertClose(expected.Probabilities, actual.Probabilities, 2e-4f);
            AssertClose(expected.Weights, actual.Weights, 2e-4f);
            Assert.Equal(expected.PredictionSet, actual.PredictionSet);
        }
    }

    [Fact]
    public void Diagnose_WholeConversation_EqualsTheReferenceAndChangesNoScore()
    {
        ScoreRequest[] batch = [TinyBundle.Whole(TinyBundle.Rows()[..3]), TinyBundle.Whole(TinyBundle.Rows())];
        var served = _scorer.Score(batch);

        var replies = _scorer.Diagnose(batch, out var diagnoses);

        Assert.Equal(served[1].Scores.Select(score => score.Probabilities), replies[1].Scores.Select(score => score.Probabilities));
        Assert.Equal(3, diagnoses[0].Length);
        foreach (var (expected, actual) in TinyBundle.Expected.Scores.Zip(diagnoses[1]))
        {
            for (var m = 0; m < 2; m++)
            {
                AssertClose(expected.Heads[m], actual.Heads![m], 2e-3f);
                AssertClose(expected.Joint[m], actual.Joint![m], 2e-3f);
            }
        }
    }

    [Fact]
    public void Diagnose_GraphWithServedOutputsAlone_HasNone()
    {
        using var scorer = TinyBundle.Open(TinyBundle.CopyServedOnly());

        var replies = scorer.Diagnose([TinyBundle.Whole(TinyBundle.Rows())], out var diagnoses);

        Assert.Equal(TinyBundle.Expected.Scores.Length, replies[0].Scores.Length);
        Assert.All(diagnoses[0], diagnosis => Assert.Equal((null, null), (diagnosis.Heads, diagnosis.Joint)));
    }

    [Fact]
    public void Score_NewRows_ReturnsTheirDescriptorsInFloat16()
    {
        var descriptors = _scorer.Score([TinyBundle.Whole(TinyBundle.Rows())])[0].Descriptors;

        for (var i = 0; i < TinyBundle.Expected.Rows.Length; i++)
        {
            var row = TinyBundle.Expected.Rows[i];
            Assert.Equal((row.Text is not null, row.Audio is not null), (descriptors[i]![0] is not null, descriptors[i]![1] is not null));
            if (row.TextDescriptor is { } text)
            {
                AssertClose(text, Unpack(descriptors[i]![0]!), 2e-3f);
            }

            if (row.Audio is { } audio)
            {
                Assert.Equal(audio.Select(value => (float)(Half)value), Unpack(descriptors[i]![1]!));
            }
        }
    }

    [Fact]
    public void Score_Slices_EqualTheWhole()
    {
        var conversation = Conversation(rows: 200, seed: 7);
        var whole = _scorer.Score([TinyBundle.Whole(conversation)])[0];
        var known = conversation.Select((row, i) => new ContextRow { Speaker = row.Speaker, Descriptors = whole.Descriptors[i] }).ToArray();

        for (var t = 0; t < conversation.Length; t++)
        {
            // What a conversation keeps: W rows before; K after have come by now.
            var (start, end) = (Math.Max(0, t - 3), Math.Min(conversation.Length, t + 2));
            var slice = _scorer.Score([new() { Rows = known[start..end], Scored = [t - start] }])[0];
            AssertClose(whole.Scores[t], slice.Scores[0]);
            Assert.All(slice.Descriptors, Assert.Null);
        }
    }

    [Fact]
    public void Score_WindowOfNone_EveryRowStandsAlone()
    {
        using var scorer = TinyBundle.Open(TinyBundle.Copy(manifest => (manifest["context"]!["window"], manifest["context"]!["lookAhead"]) = (0, 0)));
        var conversation = Conversation(rows: 90, seed: 5);

        var whole = scorer.Score([TinyBundle.Whole(conversation)])[0];

        for (var t = 0; t < conversation.Length; t++)
        {
            AssertClose(whole.Scores[t], scorer.Score([TinyBundle.Whole([conversation[t]])])[0].Scores[0]);
        }
    }

    [Fact]
    public void Score_NeighboursPaddingAndOrder_ChangeNothing()
    {
        var request = Gen.Select(Gen.Int[1, 90], Gen.Int[0, 1_000_000], (rows, seed) => TinyBundle.Whole(Conversation(rows, seed)));
        Gen.Select(request.Array[1, 8], Gen.Int[0, 1_000_000]).Sample(
            (batch, seed) =>
            {
                var shuffled = batch.ToArray();
                new Random(seed).Shuffle(shuffled);
                var together = _scorer.Score(shuffled);
                foreach (var one in batch)
                {
                    var alone = _scorer.Score([one])[0];
                    var among = together[Array.IndexOf(shuffled, one)];
                    Assert.Equal(alone.Scores.Length, among.Scores.Length);
                    Assert.All(alone.Scores.Zip(among.Scores), pair => AssertClose(pair.First, pair.Second));
                }
            },
            iter: 40,
            threads: 1);
    }

    [Fact]
    public void Score_TheSameTwice_IsBitIdentical()
    {
        var batch = new[] { TinyBundle.Whole(Conversation(30, seed: 1)), TinyBundle.Whole(Conversation(5, seed: 2)) };
        var (first, second) = (_scorer.Score(batch), _scorer.Score(batch));

        Assert.Equal(
            first.SelectMany(reply => reply.Scores).SelectMany(score => score.Probabilities),
            second.SelectMany(reply => reply.Scores).SelectMany(score => score.Probabilities));
    }

    [Fact]
    public void Score_SpeakersRenumbered_ChangesNothing()
    {
        var rows = Conversation(20, seed: 3);
        var renumbered = rows.Select(row => row with { Speaker = 1000 - row.Speaker }).ToArray();

        var (first, second) = (_scorer.Score([TinyBundle.Whole(rows)])[0], _scorer.Score([TinyBundle.Whole(renumbered)])[0]);
        Assert.All(first.Scores.Zip(second.Scores), pair => AssertClose(pair.First, pair.Second));
    }

    [Fact]
    public void Score_NothingScored_StillEncodes()
    {
        var reply = _scorer.Score([new() { Rows = [TinyBundle.Row(0, "ok")], Scored = [] }])[0];

        Assert.Empty(reply.Scores);
        Assert.Equal(16, reply.Descriptors[0]![0]!.Length);
        Assert.Empty(_scorer.Score([]));
    }

    [Fact]
    public void Score_RequestThatDoesNotFit_SaysWhere()
    {
        var bad = new ScoreRequest { Rows = [TinyBundle.Row(0, "ok"), TinyBundle.Row(0, null, [1, 2])], Scored = [0] };

        var failure = Assert.Throws<InvalidOperationException>(() => _scorer.Score([bad]));
        Assert.Equal("The request does not fit the model: row 1 of 2: audio: expected 5 values of audio/tiny@1, found 2.", failure.Message);
    }

    private static ContextRow[] Conversation(int rows, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, rows).Select(_ =>
        {
            var audio = random.Next(3) == 0 ? null : Enumerable.Range(0, 5).Select(_ => (random.NextSingle() * 4) - 2).ToArray();
            return TinyBundle.Row(random.Next(3), audio is null || random.Next(2) == 0 ? Texts[random.Next(Texts.Length)] : null, audio);
        })];
    }

    private static float[] Unpack(byte[] descriptor)
    {
        var values = new float[descriptor.Length / 2];
        Descriptor.Unpack(descriptor, values);
        return values;
    }

    private static void AssertClose(Score expected, Score actual)
    {
        AssertClose(expected.Probabilities, actual.Probabilities, Tolerance);
        AssertClose(expected.Weights, actual.Weights, Tolerance);
    }

    private static void AssertClose(float[] expected, float[] actual, float tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }
}
