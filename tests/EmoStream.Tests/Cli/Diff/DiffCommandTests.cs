using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using EmoStream.Tests.Inference;

namespace EmoStream.Tests.Cli.Diff;

public sealed class DiffCommandTests : IDisposable
{
    // Of the tiny bundle's vocabulary, so that its labels differ.
    private static readonly string[] Words = ["good", "bad", "great", "sad", "angry", "happy", "$", "why", "budget", "late", "no", "caf", "!"];

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Diff_SameBundleTwice_ChangesNothing()
    {
        var (exitCode, output, error) = await CliRun.RunAsync("diff", File(30), "--bundle", CliRun.TinyBundle, "--bundle", CliRun.TinyBundle, "--exit-code");

        Assert.True(exitCode == 0, error);
        Assert.Contains("0 of 30 utterances change their label", output);
        Assert.DoesNotContain("number ", output);
    }

    [Fact]
    public async Task Diff_LabelsRenamed_SaysWhereAndHowSure()
    {
        var (file, other) = (File(30), Renamed());
        var predictions = _directory.PathOf("predictions.jsonl");
        await CliRun.RunAsync("evaluate", file, "--bundle", CliRun.TinyBundle, "--predictions", predictions);
        var evaluated = System.IO.File.ReadLines(predictions).Select(line => JsonElement.Parse(line)).ToList();

        var (exitCode, output, error) = await CliRun.RunAsync("diff", file, "--bundle", CliRun.TinyBundle, "--bundle", other, "--json", "--all");

        Assert.True(exitCode == 0, error);
        var report = JsonElement.Parse(output);
        var rows = report.GetProperty("rows").EnumerateArray().ToList();
        Assert.Equal((30, 30), (rows.Count, report.GetProperty("utterances").GetInt32()));
        foreach (var (row, prediction) in rows.Zip(evaluated))
        {
            var label = prediction.GetProperty("label").GetString()!;
            var confidence = prediction.GetProperty("probabilities").GetProperty(label).GetSingle();
            Assert.Equal(prediction.GetProperty("utteranceId").GetString(), row.GetProperty("utteranceId").GetString());
            Assert.Equal((label, confidence), Score(row, "a"));
            Assert.Equal((label == "joy" ? "glee" : label, confidence), Score(row, "b"));
            Assert.Equal(label == "joy", row.GetProperty("changed").GetBoolean());
        }

        var joys = rows.Count(row => Score(row, "a").Label == "joy");
        Assert.InRange(joys, 1, 29);
        Assert.Equal(joys, report.GetProperty("changed").GetInt32());
        Assert.Equal("""["joy"]""", report.GetProperty("a").GetProperty("onlyHere").GetRawText());
        Assert.Equal("""["glee"]""", report.GetProperty("b").GetProperty("onlyHere").GetRawText());
        Assert.Equal(joys, report.GetProperty("matrix")[1][1].GetInt32());
        Assert.Equal(rows.Average(row => Score(row, "a").Confidence), report.GetProperty("a").GetProperty("meanConfidence").GetDouble(), 1e-6);
    }

    [Fact]
    public async Task Diff_ExitCode_Is3OnlyWhenAskedForAndSomethingChanged()
    {
        string[] diff = ["diff", File(30), "--bundle", CliRun.TinyBundle, "--bundle", Renamed()];

        Assert.Equal(0, (await CliRun.RunAsync(diff)).ExitCode);
        Assert.Equal(3, (await CliRun.RunAsync([.. diff, "--exit-code"])).ExitCode);
    }

    [Fact]
    public async Task Diff_Twice_IsTheSameToTheLastDigit()
    {
        string[] diff = ["diff", File(200), "--bundle", CliRun.TinyBundle, "--bundle", Renamed(), "--json", "--all"];

        Assert.Equal((await CliRun.RunAsync(diff)).Output, (await CliRun.RunAsync(diff)).Output);
    }

    [Fact]
    public async Task Diff_Table_ListsChangedUtterancesOfEveryConversation()
    {
        var (_, output, _) = await CliRun.RunAsync("diff", File(14), "--bundle", CliRun.TinyBundle, "--bundle", Renamed());

        var changed = output.Split('\n').Where(line => line.Contains("number ")).ToList();
        Assert.NotEmpty(changed);
        Assert.All(changed, line => Assert.Matches("│ c[01] .*│ \\d+ .*│ \\d\\d:\\d\\d │ (Ana|Ben) .*joy 0\\.\\d\\d .*glee 0\\.\\d\\d", line));
        Assert.Contains($"{changed.Count} of 14 utterances change their label, in 2 conversations", output);
        Assert.Contains("Only B knows: glee.", output);
    }

    [Fact]
    public async Task Diff_AudioOfASpaceThatOneBundleDoesNotTake_IsLeftOutAndSaid()
    {
        var other = TinyBundle.Copy(manifest => manifest["modalities"]![1]!["featureSpace"] = "audio/other@1");
        var file = _directory.Write("audio.jsonl", [
            """{"conversationId":"c","utteranceId":"u1","speaker":"Ana","text":"good","features":{"audio":[1,2,3,4,5]}}""",
            """{"conversationId":"c","utteranceId":"u2","speaker":"Ana","text":null,"features":{"audio":[1,2,3,4,5]}}"""]);

        var (exitCode, output, error) = await CliRun.RunAsync(
            "diff", file, "--bundle", CliRun.TinyBundle, "--bundle", other, "--features", "audio=audio/tiny@1", "--json", "--all");

        Assert.True(exitCode == 0, error);
        var report = JsonElement.Parse(output);
        Assert.Equal("{}", report.GetProperty("a").GetProperty("leftOut").GetRawText());
        Assert.Equal("""{"audio":2}""", report.GetProperty("b").GetProperty("leftOut").GetRawText());
        Assert.Equal((1, 1), (report.GetProperty("utterances").GetInt32(), report.GetProperty("notCompared").GetInt32()));
        var row = report.GetProperty("rows")[0];
        Assert.NotEqual(Score(row, "a").Confidence, Score(row, "b").Confidence);
    }

    [Fact]
    public async Task Diff_VectorOfAnotherLength_NamesTheLine()
    {
        var file = _directory.Write("audio.jsonl", """{"conversationId":"c","utteranceId":"u1","speaker":"Ana","text":"good","features":{"audio":[1,2]}}""");

        var (exitCode, _, error) = await CliRun.RunAsync(
            "diff", file, "--bundle", CliRun.TinyBundle, "--bundle", CliRun.TinyBundle, "--features", "audio=audio/tiny@1");

        Assert.Equal(1, exitCode);
        Assert.Contains("audio.jsonl line 1: wrong-vector-length: audio.features.values, expected 5, got 2", error);
    }

    [Fact]
    public async Task Diff_NothingThatBothTake_SaysSo()
    {
        var file = _directory.Write("empty.jsonl", """{"conversationId":"c","kind":"end"}""");

        var (exitCode, output, error) = await CliRun.RunAsync("diff", file, "--bundle", CliRun.TinyBundle, "--bundle", CliRun.TinyBundle);

        Assert.Equal((1, ""), (exitCode, output));
        Assert.Contains("none of 0 utterances brings anything that both bundles take", error);
    }

    [Fact]
    public async Task Diff_BundleThatIsNone_SaysWhichOfTheTwo()
    {
        var (exitCode, _, error) = await CliRun.RunAsync("diff", File(3), "--bundle", CliRun.TinyBundle, "--bundle", _directory.Root);

        Assert.Equal(1, exitCode);
        Assert.Contains($"--bundle {_directory.Root}", error);
    }

    [Fact]
    public async Task Diff_NeitherFileNorGateway_SaysBoth()
    {
        var (exitCode, _, error) = await CliRun.RunAsync(
            "diff", "nowhere.jsonl", "--bundle", CliRun.TinyBundle, "--bundle", CliRun.TinyBundle, "--gateway", "http://127.0.0.1:1");

        Assert.Equal(1, exitCode);
        Assert.Contains("nowhere.jsonl: there is no file of that name, and as a conversation it cannot be read", error);
        Assert.Contains("Is the gateway at http://127.0.0.1:1?", error);
    }

    private static (string? Label, float Confidence) Score(JsonElement row, string side)
        => (row.GetProperty(side).GetProperty("label").GetString(), row.GetProperty(side).GetProperty("confidence").GetSingle());

    /// <summary>The same model, which calls joy glee.</summary>
    private static string Renamed() => TinyBundle.Copy(manifest =>
    {
        manifest["labels"] = new JsonArray("neutral", "glee", "anger");
        manifest["name"] = "other";
    });

    private string File(int count) => _directory.Write("dev.jsonl", [.. Enumerable.Range(0, count).Select(i => string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"conversationId":"c{{i / 7}}","utteranceId":"u{{i}}","speaker":"{{(i % 3 == 0 ? "Ana" : "Ben")}}","startMs":{{i * 1500}},"text":"number {{i}}: {{Words[i % Words.Length]}} {{Words[i * 5 % Words.Length]}}","label":"joy"}"""))]);
}
