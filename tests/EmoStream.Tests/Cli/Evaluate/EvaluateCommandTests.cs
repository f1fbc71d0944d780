using System.Text.Json;
using EmoStream.Tests.Inference;

namespace EmoStream.Tests.Cli.Evaluate;

public sealed class EvaluateCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly string[] _labels = JsonElement.Parse(File.ReadAllText(Path.Combine(CliRun.TinyBundle, "manifest.json")))
        .GetProperty("labels").EnumerateArray().Select(label => label.GetString()!).ToArray();

    [Fact]
    public async Task Evaluate_Json_CountsAgreeWithThePredictionsFile()
    {
        var file = _directory.Write("dev.jsonl", Lines(40));
        var predictions = _directory.PathOf("predictions.jsonl");

        var (exitCode, output, error) = await CliRun.RunAsync("evaluate", file, "--bundle", CliRun.TinyBundle, "--json", "--predictions", predictions);

        Assert.True(exitCode == 0, error);
        var report = JsonElement.Parse(output);
        var predicted = File.ReadLines(predictions).Select(line => JsonElement.Parse(line)).ToList();
        Assert.Equal(40, report.GetProperty("utterances").GetInt32());
        Assert.Equal(40, predicted.Count);
        Assert.Equal(40, report.GetProperty("confusion").EnumerateArray().Sum(row => row.EnumerateArray().Sum(cell => cell.GetInt32())));
        Assert.Equal(40, report.GetProperty("perClass").EnumerateObject().Sum(c => c.Value.GetProperty("support").GetInt32()));
        var right = predicted.Where((p, i) => p.GetProperty("label").GetString() == _labels[i % _labels.Length]).Count();
        Assert.Equal(right / 40.0, report.GetProperty("accuracy").GetDouble(), 12);
        Assert.All(predicted, p => Assert.Equal(1, p.GetProperty("probabilities").EnumerateObject().Sum(x => x.Value.GetDouble()), 1e-4));
    }

    [Fact]
    public async Task Evaluate_UtteranceWithoutWords_IsContextAndIsCounted()
    {
        var silent = $$"""{"conversationId":"c1","utteranceId":"silent","speaker":"s","startMs":null,"endMs":null,"text":null,"label":"{{_labels[0]}}"}""";

        var (exitCode, output, error) = await CliRun.RunAsync("evaluate", _directory.Write("dev.jsonl", [.. Lines(20), silent]), "--bundle", CliRun.TinyBundle, "--json");

        Assert.True(exitCode == 0, error);
        var report = JsonElement.Parse(output);
        Assert.Equal((20, 1), (report.GetProperty("utterances").GetInt32(), report.GetProperty("unscorable").GetInt32()));
    }

    [Fact]
    public async Task Evaluate_ConversationAmongOthers_ScoresAsAlone()
    {
        var all = _directory.PathOf("all.jsonl");
        var alone = _directory.PathOf("alone.jsonl");
        var lines = Lines(60);

        await CliRun.RunAsync("evaluate", _directory.Write("all", lines), "--bundle", CliRun.TinyBundle, "--json", "--predictions", all);
        await CliRun.RunAsync("evaluate", _directory.Write("alone", [.. lines.Where(l => l.Contains("\"c1\""))]), "--bundle", CliRun.TinyBundle, "--json", "--predictions", alone);

        var expected = File.ReadLines(alone).Select(l => JsonElement.Parse(l)).ToList();
        var actual = File.ReadLines(all).Select(l => JsonElement.Parse(l)).Where(p => p.GetProperty("conversationId").GetString() == "c1").ToList();
        Assert.NotEmpty(expected);
        Assert.Equal(expected.Count, actual.Count);
        foreach (var (one, other) in expected.Zip(actual))
        {
            Assert.Equal(one.GetProperty("utteranceId").GetString(), other.GetProperty("utteranceId").GetString());
            Assert.Equal(one.GetProperty("label").GetString(), other.GetProperty("label").GetString());
            foreach (var probability in one.GetProperty("probabilities").EnumerateObject())
            {
                Assert.Equal(probability.Value.GetDouble(), other.GetProperty("probabilities").GetProperty(probability.Name).GetDouble(), 1e-5);
            }
        }
    }

    [Fact]
    public async Task Evaluate_RevisedAndRetracted_ScoresWhatTheFileLeaves()
    {
        string Event(string id, string kind, string text) => $$"""{"conversationId":"c","utteranceId":"{{id}}","kind":"{{kind}}","speaker":{"id":"s"},"text":"{{text}}","label":"{{_labels[0]}}"}""";
        const string Retraction = """{"conversationId":"c","utteranceId":"u2","kind":"retraction"}""";
        var revised = _directory.Write("revised.jsonl", Event("u1", "utterance", "bad"), Event("u2", "utterance", "noise"), Event("u1", "revision", "good"), Retraction, """{"conversationId":"c","kind":"end"}""");
        // A retracted utterance keeps its place, but nothing of what it said.
        var plain = _directory.Write("plain.jsonl", Event("u1", "utterance", "good"), Event("u2", "utterance", "something else"), Retraction);

        await CliRun.RunAsync("evaluate", revised, "--bundle", CliRun.TinyBundle, "--predictions", _directory.PathOf("1"));
        await CliRun.RunAsync("evaluate", plain, "--bundle", CliRun.TinyBundle, "--predictions", _directory.PathOf("2"));

        var predictions = File.ReadAllText(_directory.PathOf("1"));
        Assert.Equal(File.ReadAllText(_directory.PathOf("2")), predictions);
        Assert.Equal("u1", JsonElement.Parse(predictions).GetProperty("utteranceId").GetString());
    }

    [Fact]
    public async Task Evaluate_WithoutJson_PrintsTables()
    {
        var (exitCode, output, _) = await CliRun.RunAsync("evaluate", _directory.Write("dev.jsonl", Lines(8)), "--bundle", CliRun.TinyBundle);

        Assert.Equal(0, exitCode);
        Assert.Contains("weighted F1", output);
        Assert.All(_labels, label => Assert.Contains(label, output));
    }

    [Fact]
    public async Task Evaluate_UnknownLabel_NamesTheLine()
    {
        var lines = Lines(3);
        lines[1] = lines[1].Replace($"\"label\":\"{_labels[1]}\"", "\"label\":\"hunger\"");

        var (exitCode, _, error) = await CliRun.RunAsync("evaluate", _directory.Write("dev.jsonl", lines), "--bundle", CliRun.TinyBundle);

        Assert.Equal(1, exitCode);
        Assert.Contains("dev.jsonl line 2: unknown label 'hunger'", error);
    }

    [Fact]
    public async Task Evaluate_UnknownLabelWithControlCharacters_IsShownAsJsonWritesItAndCut()
    {
        var lines = Lines(2);
        lines[1] = lines[1].Replace($"\"label\":\"{_labels[1]}\"", $"\"label\":\"gl\\nad\\u001b[31m{new string('x', 100)}\"");

        var (exitCode, _, error) = await CliRun.RunAsync("evaluate", _directory.Write("dev.jsonl", lines), "--bundle", CliRun.TinyBundle);

        Assert.Equal(1, exitCode);
        Assert.Contains("""line 2: unknown label 'gl\nad\u001B[31mxx""", error, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("x…';", error);
        Assert.DoesNotContain(new string('x', 40), error);
    }

    [Theory]
    [InlineData('\u202a')]
    [InlineData('\u202e')]
    [InlineData('\u2066')]
    [InlineData('\u2069')]
    public async Task Evaluate_LabelOfTheBundleThatTurnsTheLine_IsShownAndNotSent(char turn)
    {
        var bundle = TinyBundle.Copy(manifest => manifest["labels"]![1] = $"a{turn}b");

        var (exitCode, output, error) = await CliRun.RunAsync("evaluate", _directory.Write("dev.jsonl", Lines(1)), "--bundle", bundle);

        Assert.True(exitCode == 0, error);
        Assert.Contains("a\ufffdb", output);
        Assert.DoesNotContain(turn, output);
    }

    [Fact]
    public async Task Evaluate_LabelOfTheBundleWithAnEscape_IsShownAndNotSent()
    {
        var bundle = TinyBundle.Copy(manifest => manifest["labels"]![1] = "a\u001b[31m");

        var (exitCode, output, error) = await CliRun.RunAsync("evaluate", _directory.Write("dev.jsonl", Lines(1)), "--bundle", bundle);

        Assert.True(exitCode == 0, error);
        Assert.Contains("a\u241b[31m", output);
        Assert.DoesNotContain('\u001b', output);
    }

    [Fact]
    public async Task Evaluate_UtteranceTwice_IsCountedOnceAndSaid()
    {
        var file = _directory.Write("dev.jsonl", [.. Lines(5), Lines(5)[4]]);

        var json = (await CliRun.RunAsync("evaluate", file, "--bundle", CliRun.TinyBundle, "--json")).Output;
        var tables = (await CliRun.RunAsync("evaluate", file, "--bundle", CliRun.TinyBundle)).Output;

        var report = JsonElement.Parse(json);
        Assert.Equal((5, 1), (report.GetProperty("utterances").GetInt32(), report.GetProperty("repeated").GetInt32()));
        Assert.Contains("1 lines bring an utterance again", tables);
    }

    [Fact]
    public async Task Evaluate_PredictionsAreTheInput_IsRefusedAndKeepsIt()
    {
        var file = _directory.Write("dev.jsonl", Lines(3));
        var before = File.ReadAllText(file);
        File.CreateSymbolicLink(_directory.PathOf("link"), file);

        foreach (var predictions in (string[])[file, _directory.PathOf("link")])
        {
            var (exitCode, _, error) = await CliRun.RunAsync("evaluate", file, "--bundle", CliRun.TinyBundle, "--predictions", predictions);

            Assert.Equal(1, exitCode);
            Assert.Contains($"--predictions {predictions}: is the input itself", error);
            Assert.Equal(before, File.ReadAllText(file));
        }
    }

    [Fact]
    public async Task Evaluate_MalformedLine_NamesTheLine()
    {
        var (exitCode, _, error) = await CliRun.RunAsync("evaluate", _directory.Write("dev.jsonl", [.. Lines(2), "{oops"]), "--bundle", CliRun.TinyBundle);

        Assert.Equal(1, exitCode);
        Assert.Contains("dev.jsonl line 3: not-json", error);
    }

    [Theory]
    [InlineData("""{"conversationId":"c","utteranceId":"u1","speaker":{"id":"s"},"text":"good"}""")]
    [InlineData]
    public async Task Evaluate_NoLabelInTheFile_Returns1AndSaysSo(params string[] lines)
    {
        var file = _directory.Write("plain.jsonl", lines);

        var (exitCode, output, error) = await CliRun.RunAsync("evaluate", file, "--bundle", CliRun.TinyBundle);

        Assert.Equal(1, exitCode);
        Assert.Empty(output);
        Assert.Contains($"error: {file}: no line has a label", error);
    }

    public void Dispose() => _directory.Dispose();

    private string[] Lines(int count) => [.. Enumerable.Range(0, count).Select(i =>
        $$"""{"conversationId":"c{{i / 7}}","utteranceId":"u{{i}}","speaker":"{{(i % 3 == 0 ? "Ana" : "Ben")}}","startMs":null,"endMs":null,"text":"utterance number {{i}} is {{(i % 2 == 0 ? "good" : "not so good, really")}}","label":"{{_labels[i % _labels.Length]}}"}""")];
}
