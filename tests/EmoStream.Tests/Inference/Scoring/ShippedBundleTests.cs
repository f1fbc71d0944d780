using System.Text.Json;
using EmoStream.Contracts;
using EmoStream.Contracts.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Testing;

namespace EmoStream.Tests.Inference.Scoring;

/// <summary>What is promised of every bundle holds for those that ship: the scores of a meeting do not depend on how it arrives.</summary>
public sealed class ShippedBundleTests
{
    private const double Tolerance = 1e-5;

    public static TheoryData<string> Bundles
    {
        get
        {
            var models = Checkout.At("infra", "models");
            var manifests = Directory.Exists(models) ? Directory.GetFiles(models, BundleManifest.FileName, SearchOption.AllDirectories) : [];
            return manifests.Length == 0 ? [""] : [.. manifests.Select(manifest => Path.GetRelativePath(Checkout.Root, Path.GetDirectoryName(manifest)!))];
        }
    }

    [Theory]
    [MemberData(nameof(Bundles))]
    public void Score_OneByOneAndAmongNeighbours_EqualsTheWholeMeeting(string directory)
    {
        Assert.SkipWhen(directory.Length == 0, "no bundle under infra/models");
        using var scorer = TinyBundle.Open(Checkout.At(directory));
        Assert.SkipUnless(scorer.Description.Modalities.Any(m => m is { Name: Modality.Text, HasEncoder: true }), $"{directory} does not encode text");
        var meeting = Meeting();
        Assert.True(meeting.Length >= 40);

        var whole = scorer.Score([TinyBundle.Whole(meeting)])[0];
        var requests = new List<ScoreRequest>();
        for (var t = 0; t < meeting.Length; t++)
        {
            requests.Add(Live(meeting, whole, t, scorer.Description));
        }

        var alone = requests.Select(request => scorer.Score([request])[0].Scores[0]).ToArray();
        var together = scorer.Score(requests).Select(reply => reply.Scores[0]).ToArray();
        for (var t = 0; t < meeting.Length; t++)
        {
            AssertClose(whole.Scores[t], alone[t], t);
            AssertClose(whole.Scores[t], together[t], t);
        }

        Assert.True(whole.Scores.Select(score => Array.IndexOf(score.Probabilities, score.Probabilities.Max())).Distinct().Count() > 1, "every utterance has the same label");
    }

    /// <summary>As a conversation asks when utterance t comes: what was known has descriptors, t itself is new.</summary>
    private static ScoreRequest Live(ContextRow[] meeting, ScoreReply known, int t, ModelDescription model)
    {
        var start = Math.Max(0, t - model.Window);
        var end = Math.Min(meeting.Length, t + model.LookAhead + 1);
        return new()
        {
            Rows = [.. Enumerable.Range(start, end - start).Select(i => i == t ? meeting[i] : new() { Speaker = meeting[i].Speaker, Descriptors = known.Descriptors[i] })],
            Scored = [t - start],
        };
    }

    private static ContextRow[] Meeting()
    {
        var rows = new List<ContextRow>();
        foreach (var line in File.ReadLines(Checkout.At("infra", "samples", "meeting.jsonl")))
        {
            using var json = JsonDocument.Parse(line);
            if (json.RootElement.TryGetProperty("text", out var text))
            {
                rows.Add(TinyBundle.Row(json.RootElement.GetProperty("speaker").GetProperty("id").GetString()!.Sum(c => c), text.GetString()));
            }
        }

        return [.. rows];
    }

    private static void AssertClose(Score expected, Score actual, int row) => Assert.All(
        expected.Probabilities.Zip(actual.Probabilities),
        pair => Assert.True(Math.Abs(pair.First - pair.Second) <= Tolerance, $"row {row}: expected {pair.First}, actual {pair.Second}"));
}
