using System.Text.Json;
using EmoStream.Tests.Inference;

namespace EmoStream.Tests.Cli.Evaluate.Compare;

public sealed class CompareCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Compare_BundleWithItself_FindsNoDifferenceAnywhere()
    {
        var report = await CompareAsync(CliRun.TinyBundle, CliRun.TinyBundle);

        Assert.Equal(("tiny@1.2.3", "tiny@1.2.3"), (report.GetProperty("a").GetString(), report.GetProperty("b").GetString()));
        var differences = report.GetProperty("differences");
        Assert.Equal(3, differences.GetProperty("subsets").EnumerateObject().Count());
        Assert.Equal(7, differences.GetProperty("missing").EnumerateObject().Count());
        JsonElement[] all = [differences, .. differences.GetProperty("subsets").EnumerateObject().Select(x => x.Value), .. differences.GetProperty("missing").EnumerateObject().Select(x => x.Value)];
        Assert.All(all, way =>
        {
            foreach (var figure in (string[])["weightedF1", "macroF1", "accuracy", "nll", "brier", "ece"])
            {
                Assert.Equal(0, way.GetProperty(figure).GetProperty("difference").GetDouble());
                Assert.Equal([0, 0], way.GetProperty(figure).GetProperty("interval").EnumerateArray().Select(bound => bound.GetDouble()));
            }

            Assert.Equal((0, 0), (way.GetProperty("agreement").GetProperty("onlyA").GetInt32(), way.GetProperty("agreement").GetProperty("onlyB").GetInt32()));
        });
    }

    [Fact]
    public async Task Compare_OtherTemperature_ChangesTheLossAndNoLabel()
    {
        var flat = TinyBundle.Copy(manifest => manifest["calibration"]!["temperatures"]!["text+audio"] = 4.0);
        var alone = await EvaluateAsync(flat);

        var differences = (await CompareAsync(CliRun.TinyBundle, flat)).GetProperty("differences");

        Assert.Equal(0, differences.GetProperty("weightedF1").GetProperty("difference").GetDouble());
        var nll = differences.GetProperty("nll");
        Assert.NotEqual(0, nll.GetProperty("difference").GetDouble());
        Assert.Equal(nll.GetProperty("b").GetDouble() - nll.GetProperty("a").GetDouble(), nll.GetProperty("difference").GetDouble(), 12);
        Assert.Equal(alone.GetProperty("calibration").GetProperty("nll").GetDouble(), nll.GetProperty("b").GetDouble(), 9);
        Assert.Equal(0, differences.GetProperty("subsets").GetProperty("text").GetProperty("nll").GetProperty("difference").GetDouble());
        Assert.Equal(alone.GetProperty("calibration").GetProperty("ece").GetDouble(), differences.GetProperty("ece").GetProperty("b").GetDouble(), 9);
        Assert.NotEqual(0, differences.GetProperty("ece").GetProperty("difference").GetDouble());
    }

    [Fact]
    public async Task Compare_OtherThreshold_ChangesTheCoverageWhereBothOfferSetsAndNothingElse()
    {
        var everything = TinyBundle.Copy(manifest => manifest["calibration"]!["conformal"]!["thresholds"]!["text"] = 0.0);

        var differences = (await CompareAsync(CliRun.TinyBundle, everything)).GetProperty("differences");

        var coverage = differences.GetProperty("subsets").GetProperty("text").GetProperty("coverage");
        Assert.Equal(1, coverage.GetProperty("b").GetDouble()); // a threshold of 0 keeps every label
        Assert.Equal((await EvaluateAsync(CliRun.TinyBundle)).GetProperty("subsets").GetProperty("text").GetProperty("calibration").GetProperty("coverage").GetDouble(), coverage.GetProperty("a").GetDouble(), 12);
        Assert.Equal(1 - coverage.GetProperty("a").GetDouble(), coverage.GetProperty("difference").GetDouble(), 12);
        Assert.True(coverage.GetProperty("interval")[0].GetDouble() > 0);
        Assert.Equal(JsonValueKind.Null, differences.GetProperty("subsets").GetProperty("audio").GetProperty("coverage").ValueKind); // no threshold
        Assert.Equal(0, differences.GetProperty("subsets").GetProperty("text").GetProperty("ece").GetProperty("difference").GetDouble());
    }

    [Fact]
    public async Task Compare_Tables_SayWhetherTheyDiffer()
    {
        var (exitCode, output, error) = await CliRun.RunAsync(Arguments(CliRun.TinyBundle, CliRun.TinyBundle, "--plots", _directory.PathOf("figures")));

        Assert.True(exitCode == 0, error);
        Assert.Contains("B cannot be told from A on this file", output);
        Assert.Contains("0.7 missing", output);
        Assert.Matches(@"ECE \(lower is better\) *│ 0\.\d{4} │ 0\.\d{4} │ 0\.0000 ", output);
        Assert.Contains("coverage where both offer sets", output);
        PlotFile.AssertIsFigure(_directory.PathOf("figures"), "comparison");
    }

    [Fact]
    public async Task Compare_OtherLabels_Returns1AndNamesThem()
    {
        var other = TinyBundle.Copy(manifest => manifest["labels"]![2] = "fury");

        var (exitCode, output, error) = await CliRun.RunAsync(Arguments(CliRun.TinyBundle, other));

        Assert.Equal(1, exitCode);
        Assert.Empty(output);
        Assert.Contains("--compare: tiny@1.2.3 tells neutral, joy, anger apart, tiny@1.2.3 neutral, joy, fury: expected the same labels", error);
    }

    [Fact]
    public async Task Compare_LabelsInAnotherOrder_AreTheSameLabels()
    {
        // The graph does not change: what it calls joy is now called anger, and the other way round.
        var swapped = TinyBundle.Copy(manifest => (manifest["labels"]![1], manifest["labels"]![2]) = ("anger", "joy"));

        var whole = (await CompareAsync(CliRun.TinyBundle, swapped)).GetProperty("differences").GetProperty("accuracy");

        Assert.Equal((await EvaluateAsync(swapped)).GetProperty("accuracy").GetDouble(), whole.GetProperty("b").GetDouble(), 12);
    }

    private string[] Arguments(string a, string b, params string[] more)
        => ["evaluate", _directory.Write("dev.jsonl", EvaluateModalitiesTests.Lines()), "--features", "audio=audio/tiny@1", "--compare", a, b, .. more];

    private async Task<JsonElement> CompareAsync(string a, string b)
    {
        var (exitCode, output, error) = await CliRun.RunAsync(Arguments(a, b, "--json"));
        Assert.True(exitCode == 0, error);
        return JsonElement.Parse(output);
    }

    private async Task<JsonElement> EvaluateAsync(string bundle)
    {
        var file = _directory.Write("alone.jsonl", EvaluateModalitiesTests.Lines());
        var (exitCode, output, error) = await CliRun.RunAsync("evaluate", file, "--bundle", bundle, "--features", "audio=audio/tiny@1", "--json");
        Assert.True(exitCode == 0, error);
        return JsonElement.Parse(output);
    }
}
