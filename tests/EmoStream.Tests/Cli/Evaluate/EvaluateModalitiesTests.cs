using System.Globalization;
using System.Text.Json;
using EmoStream.Cli.Evaluate;

namespace EmoStream.Tests.Cli.Evaluate;

/// <summary>A bundle of two modalities on a file that brings both: what is removed by the evaluation, and what the file lacks.</summary>
public sealed class EvaluateModalitiesTests : IDisposable
{
    private static readonly string[] Labels = ["neutral", "joy", "anger"];
    private static readonly string[] Audio = ["--features", "audio=audio/tiny@1"];

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Evaluate_Subset_IsAFileWithoutTheOthers()
    {
        var report = await EvaluateAsync(Lines(), Audio);

        Assert.Equal(["text", "audio", "text+audio"], report.GetProperty("subsets").EnumerateObject().Select(subset => subset.Name));
        AssertSameFigures(await EvaluateAsync(Lines(_ => true, _ => false), Audio), report.GetProperty("subsets").GetProperty("text"));
        AssertSameFigures(await EvaluateAsync(Lines(_ => false, _ => true), Audio), report.GetProperty("subsets").GetProperty("audio"));
        AssertSameFigures(report, report.GetProperty("subsets").GetProperty("text+audio"));
    }

    [Fact]
    public async Task Evaluate_SubsetOfAFileWithGaps_CountsUtterancesThatBringAllOfIt()
    {
        var report = await EvaluateAsync(Lines(_ => true, i => i % 3 != 0), Audio);

        Assert.Equal((60, 60, 40, 40), (report.GetProperty("utterances").GetInt32(), Count("text"), Count("audio"), Count("text+audio")));
        Assert.Equal(20, report.GetProperty("availability").GetProperty("text").GetInt32());
        Assert.Equal(40, report.GetProperty("fusion").GetProperty("utterances").GetInt32());
        Assert.Equal(40, report.GetProperty("retrieval").GetProperty("audio>text").GetProperty("candidates").GetInt32());

        int Count(string subset) => report.GetProperty("subsets").GetProperty(subset).GetProperty("utterances").GetInt32();
    }

    [Fact]
    public async Task Evaluate_MissingRate_IsAFileThatLacksWhatTheRuleDrops()
    {
        var report = await EvaluateAsync(Lines(), Audio);

        Assert.Equal(["0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"], report.GetProperty("missing").EnumerateObject().Select(rate => rate.Name));
        foreach (var rate in (double[])[.3, .7])
        {
            bool Keeps(int i, string modality)
            {
                var (own, other) = (RandomMissing.Draw($"c{i / 7}", $"u{i}", modality), RandomMissing.Draw($"c{i / 7}", $"u{i}", modality == "text" ? "audio" : "text"));
                return own >= rate || (other < rate && own > other);
            }

            var cut = await EvaluateAsync(Lines(i => Keeps(i, "text"), i => Keeps(i, "audio")), Audio);
            AssertSameFigures(cut, report.GetProperty("missing").GetProperty(rate.ToString(CultureInfo.InvariantCulture)));
        }
    }

    [Fact]
    public async Task Evaluate_CalibrationPerSubset_SaysWhereASetIsOffered()
    {
        // The bundle has thresholds for text and for text+audio.
        var subsets = (await EvaluateAsync(Lines(), Audio)).GetProperty("subsets");

        var text = subsets.GetProperty("text").GetProperty("calibration");
        Assert.Equal(1, text.GetProperty("offered").GetDouble());
        Assert.InRange(text.GetProperty("setSize").GetDouble(), 0, 3);
        Assert.Equal(60, text.GetProperty("bins").EnumerateArray().Sum(bin => bin.GetProperty("utterances").GetInt32()));
        var audio = subsets.GetProperty("audio").GetProperty("calibration");
        Assert.Equal((0, JsonValueKind.Null), (audio.GetProperty("offered").GetDouble(), audio.GetProperty("coverage").ValueKind));
    }

    [Fact]
    public async Task Evaluate_BundleThatLooksAhead_GivesTheProvisionalScoresToo()
    {
        var lines = Lines()[..20];
        var provisional = (await EvaluateAsync(lines, Audio)).GetProperty("provisional");

        // What a file that ends with the utterance says of it.
        var right = 0;
        for (var i = 0; i < lines.Length; i++)
        {
            var until = _directory.PathOf("until.jsonl");
            await EvaluateAsync([.. lines[..(i + 1)].Skip(i / 7 * 7)], [.. Audio, "--predictions", until]);
            right += JsonElement.Parse(File.ReadLines(until).Last()).GetProperty("label").GetString() == Labels[i % 3] ? 1 : 0;
        }

        Assert.Equal(20, provisional.GetProperty("utterances").GetInt32());
        Assert.Equal(right / 20.0, provisional.GetProperty("accuracy").GetDouble(), 12);
    }

    [Fact]
    public async Task Evaluate_ModalityThatTheFileNeverBrings_IsSaid()
    {
        var lines = Lines(_ => true, _ => false);
        var report = await EvaluateAsync(lines);
        var (_, table, _) = await CliRun.RunAsync("evaluate", _directory.Write("text.jsonl", lines), "--bundle", CliRun.TinyBundle);

        Assert.Equal("audio", Assert.Single(report.GetProperty("absent").EnumerateArray()).GetString());
        Assert.Equal("text", Assert.Single(report.GetProperty("subsets").EnumerateObject()).Name);
        Assert.Empty(report.GetProperty("missing").EnumerateObject());
        Assert.Equal((JsonValueKind.Null, JsonValueKind.Null), (report.GetProperty("fusion").ValueKind, report.GetProperty("retrieval").ValueKind));
        Assert.Contains("no utterance brings audio", table);
    }

    [Fact]
    public async Task Evaluate_GraphWithServedOutputsAlone_SaysWhatItCannotMeasure()
    {
        string[] args = ["evaluate", _directory.Write("dev.jsonl", Lines()), "--bundle", EmoStream.Tests.Inference.TinyBundle.CopyServedOnly(), .. Audio];
        var (exitCode, json, _) = await CliRun.RunAsync([.. args, "--json"]);
        var (_, table, _) = await CliRun.RunAsync(args);

        Assert.Equal(0, exitCode);
        var report = JsonElement.Parse(json);
        Assert.Equal(JsonValueKind.Null, report.GetProperty("fusion").GetProperty("auc").ValueKind);
        Assert.Equal(JsonValueKind.Number, report.GetProperty("fusion").GetProperty("shareAbove80").ValueKind);
        Assert.Equal(JsonValueKind.Null, report.GetProperty("retrieval").ValueKind);
        Assert.Contains("no joint vectors", table);
    }

    [Fact]
    public async Task Evaluate_VectorsOfTheText_StandForIt()
    {
        var encoded = _directory.PathOf("encoded.jsonl");
        var (written, _, error) = await CliRun.RunAsync("features", _directory.Write("plain.jsonl", Lines()), "--bundle", CliRun.TinyBundle, "--out", encoded);
        Assert.True(written == 0, error);
        string[] both = [.. Audio, "--features", "text=text/tiny@1"];

        var expected = await EvaluateAsync(Lines(), [.. Audio, "--predictions", _directory.PathOf("1")]);
        string[] wordless = [.. File.ReadLines(encoded).Select((line, i) => line.Replace($"\"text\":\"number {i} is", "\"text\":\"nothing"))];
        Assert.DoesNotContain("number", wordless[0]);
        var actual = await EvaluateAsync(wordless, [.. both, "--predictions", _directory.PathOf("2")]);
        string[] textless = [.. wordless.Select(line => System.Text.RegularExpressions.Regex.Replace(line, "\"text\":\"[^\"]*\"", "\"text\":null"))];
        await EvaluateAsync(textless, [.. both, "--predictions", _directory.PathOf("3")]);

        AssertSameFigures(expected, actual);
        Assert.Equal(File.ReadAllText(_directory.PathOf("1")), File.ReadAllText(_directory.PathOf("2")));
        Assert.Equal(File.ReadAllText(_directory.PathOf("1")), File.ReadAllText(_directory.PathOf("3")));
    }

    [Theory]
    [InlineData("--features audio=audio/other@2: tiny@1.2.3 takes audio of the space audio/tiny@1", "audio=audio/other@2")]
    [InlineData("--features face=face/au@1: tiny@1.2.3 takes no face, only text, audio", "face=face/au@1")]
    [InlineData("dev.jsonl line 1: wrong-vector-length: features.text, expected 8, got 5", "text=text/tiny@1")]
    public async Task Evaluate_VectorsThatTheBundleDoesNotTake_Returns1AndSaysWhere(string expected, string features)
    {
        var file = _directory.Write("dev.jsonl", [.. Lines().Select(line => line.Replace("\"features\":{", "\"features\":{\"text\":[1,2,3,4,5],"))]);

        var (exitCode, output, error) = await CliRun.RunAsync("evaluate", file, "--bundle", CliRun.TinyBundle, "--features", features);

        Assert.Equal(1, exitCode);
        Assert.Empty(output);
        Assert.Contains(expected, error);
    }

    [Fact]
    public async Task Evaluate_VectorOfAnotherLength_NamesTheLine()
    {
        var lines = Lines();
        lines[4] = lines[4].Replace("\"audio\":[", "\"audio\":[1,");

        var (exitCode, _, error) = await CliRun.RunAsync(["evaluate", _directory.Write("dev.jsonl", lines), "--bundle", CliRun.TinyBundle, .. Audio]);

        Assert.Equal(1, exitCode);
        Assert.Contains("dev.jsonl line 5: wrong-vector-length: audio.features.values, expected 5, got 6", error);
    }

    [Fact]
    public async Task Evaluate_Predictions_HaveWeightsSetAndAvailability()
    {
        var predictions = _directory.PathOf("predictions.jsonl");
        await EvaluateAsync(Lines(_ => true, i => i % 2 == 0), [.. Audio, "--predictions", predictions]);

        var lines = File.ReadLines(predictions).Select(line => JsonElement.Parse(line)).ToList();
        Assert.Equal(60, lines.Count);
        Assert.All(lines, (line, i) =>
        {
            Assert.Equal(i % 2 == 0 ? "text+audio" : "text", line.GetProperty("availability").GetString());
            Assert.Equal(1, line.GetProperty("weights").EnumerateObject().Sum(weight => weight.Value.GetDouble()), 1e-5);
            var threshold = i % 2 == 0 ? .2 : .3;
            Assert.Equal(
                line.GetProperty("probabilities").EnumerateObject().Where(p => p.Value.GetDouble() >= threshold).OrderByDescending(p => p.Value.GetDouble()).Select(p => p.Name),
                line.GetProperty("set").EnumerateArray().Select(label => label.GetString()));
        });
    }

    [Fact]
    public async Task Evaluate_Plots_AreFigures()
    {
        await EvaluateAsync(Lines(), [.. Audio, "--plots", _directory.PathOf("figures/all")]);

        string[] expected = ["confusion", "coverage", "fusion-audio", "fusion-text", "missing", "reliability-audio", "reliability-text", "reliability-text+audio", "subsets"];
        var found = Directory.GetFiles(_directory.PathOf("figures/all")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal);
        Assert.Equal(expected.SelectMany(name => (string[])[$"{name}.png", $"{name}.svg"]).Order(StringComparer.Ordinal), found);
        Assert.All(expected, name => PlotFile.AssertIsFigure(_directory.PathOf("figures/all"), name));
    }

    [Theory]
    [InlineData("--plots")]
    [InlineData("--predictions")]
    public async Task Evaluate_OutputThatCannotBeWritten_Returns1AndNamesIt(string option)
    {
        var file = _directory.Write("dev.jsonl", Lines());

        var (exitCode, output, error) = await CliRun.RunAsync("evaluate", file, "--bundle", CliRun.TinyBundle, option, Path.Combine(file, "x"));

        Assert.Equal(1, exitCode);
        Assert.Empty(output);
        Assert.Contains($"{Path.Combine(file, "x")}: cannot be written", error);
    }

    private static void AssertSameFigures(JsonElement expected, JsonElement actual)
    {
        foreach (var figure in (string[])["utterances", "weightedF1", "macroF1", "accuracy"])
        {
            Assert.Equal(expected.GetProperty(figure).GetDouble(), actual.GetProperty(figure).GetDouble(), 12);
        }

        Assert.Equal(expected.GetProperty("calibration").GetProperty("nll").GetDouble(), actual.GetProperty("calibration").GetProperty("nll").GetDouble(), 1e-5);
        Assert.Equal(expected.GetProperty("intervals").ToString(), actual.GetProperty("intervals").ToString());
    }

    private async Task<JsonElement> EvaluateAsync(string[] lines, params string[] options)
    {
        var (exitCode, output, error) = await CliRun.RunAsync(["evaluate", _directory.Write("dev.jsonl", lines), "--bundle", CliRun.TinyBundle, "--json", .. options]);
        Assert.True(exitCode == 0, error);
        return JsonElement.Parse(output);
    }

    internal static string[] Lines(Func<int, bool>? text = null, Func<int, bool>? audio = null) => [.. Enumerable.Range(0, 60).Select(i =>
    {
        var random = new Random(i);
        var vector = string.Join(',', Enumerable.Range(0, 5).Select(_ => ((random.NextDouble() * 4) - 2).ToString("F3", CultureInfo.InvariantCulture)));
        return $$"""
            {"conversationId":"c{{i / 7}}","utteranceId":"u{{i}}","speaker":"{{(i % 3 == 0 ? "Ana" : "Ben")}}","startMs":null,"endMs":null,"label":"{{Labels[i % 3]}}","text":{{(text?.Invoke(i) is false ? "null" : $"\"number {i} is {(i % 2 == 0 ? "good" : "not good , why ?")}\"")}}{{(audio?.Invoke(i) is false ? "" : $",\"features\":{{\"audio\":[{vector}]}}")}}}
            """;
    })];
}
