using System.Text.Json;
using EmoStream.Contracts.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Testing;
using EmoStream.Tests.Cli;

namespace EmoStream.Tests.Inference.Scoring;

/// <summary>What is promised of every bundle holds for those that ship: the scores of a meeting do not depend on how it arrives.</summary>
public sealed class ShippedBundleTests
{
    private const double Tolerance = 1e-5;

    public static TheoryData<string> Bundles => ["general", "meld"];

    [Fact]
    public void Models_Directory_HoldsTheseBundlesAndNoOther()
        => Assert.Equal(Bundles.Select(bundle => bundle.Data), Directory.GetDirectories(Checkout.At("infra", "models")).Select(Path.GetFileName).Order());

    [Theory]
    [MemberData(nameof(Bundles))]
    public void Card_ShippedBundle_SaysNameVersionAndLicence(string name)
    {
        var manifest = ModelBundle.Load(Of(name)).Manifest;
        var card = File.ReadAllText(Path.Combine(Of(name), "README.md"));

        Assert.Equal(name, manifest.Name);
        Assert.StartsWith($"# {manifest.Name} {manifest.Version}\n", card, StringComparison.Ordinal);
        Assert.Contains($"Licence of the bundle: {manifest.License}.", card, StringComparison.Ordinal);
    }

    [Fact]
    public void Terms_BundleUnderTheGpl_BringsItsText()
    {
        Assert.Equal("GPL-3.0", ModelBundle.Load(Of("meld")).Manifest.License);
        var output = Path.Combine(Checkout.Output("EmoStream.Cli"), "infra", "models", "meld");
        Assert.All([Of("meld"), output], bundle => Assert.Matches(@"^\s*GNU GENERAL PUBLIC LICENSE\s+Version 3,", File.ReadAllText(Path.Combine(bundle, "COPYING"))));
    }

    /// <summary>The figures that training wrote into the manifest are those that the serving code measures.</summary>
    [Fact]
    public async Task Evaluate_MeldDev_GivesWhatTheManifestClaims()
    {
        var dev = Checkout.Shared("data", "meld", "dev.jsonl");
        Assert.SkipUnless(dev is not null, "needs MELD's dev split at ../shared/data/meld/dev.jsonl");
        var claimed = ModelBundle.Load(Of("meld")).Manifest.Training!.Metrics.GetProperty("dev").GetProperty("text");

        var (exitCode, output, error) = await CliRun.RunAsync("evaluate", dev, "--bundle", Of("meld"), "--json");

        Assert.True(exitCode == 0, error);
        var measured = JsonElement.Parse(output);
        Assert.Equal(claimed.GetProperty("utterances").GetInt32(), measured.GetProperty("utterances").GetInt32());
        Assert.Equal(claimed.GetProperty("weightedF1").GetDouble(), measured.GetProperty("weightedF1").GetDouble(), 1e-4);
    }

    [Theory]
    [MemberData(nameof(Bundles))]
    public void Score_OneByOneAndAmongNeighbours_EqualsTheWholeMeeting(string name)
    {
        using var scorer = TinyBundle.Open(Of(name));
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

    private static string Of(string name) => Checkout.At("infra", "models", name);

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
