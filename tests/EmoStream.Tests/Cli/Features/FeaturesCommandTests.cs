using System.Text.Json;

namespace EmoStream.Tests.Cli.Features;

public sealed class FeaturesCommandTests : IDisposable
{
    private const string Line = """{"id":7,"text":"café – good","extra":{"a":[1,2.50]},"features":{"face":[0.25],"text":[9]}}""";

    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public async Task Features_CopiesLinesAndAddsDescriptorsThatAreExactInFloat16()
    {
        var output = _directory.PathOf("out.jsonl");

        var (exitCode, _, error) = await CliRun.RunAsync("features", _directory.Write("in.jsonl", Line, """{"text":""}"""), "--bundle", CliRun.TinyBundle, "--out", output);

        Assert.True(exitCode == 0, error);
        var lines = File.ReadLines(output).Select(line => JsonElement.Parse(line)).ToList();
        Assert.Equal(2, lines.Count);
        Assert.Equal((7, "café – good", "{\"a\":[1,2.50]}"), (lines[0].GetProperty("id").GetInt32(), lines[0].GetProperty("text").GetString(), lines[0].GetProperty("extra").GetRawText()));
        Assert.Equal("[0.25]", lines[0].GetProperty("features").GetProperty("face").GetRawText());
        var values = lines[0].GetProperty("features").GetProperty("text").EnumerateArray().Select(value => value.GetSingle()).ToList();
        Assert.Equal(Dimension(), values.Count);
        Assert.All(values, value => Assert.Equal(value, (float)(Half)value));
        Assert.Equal("""{"text":"SPACE"}""".Replace("SPACE", Space(), StringComparison.Ordinal), lines[0].GetProperty("featureSpaces").GetRawText());
    }

    [Theory]
    [InlineData("""{"id":8,"features":{"audio":[1]}}""")]
    [InlineData("""{"id":8,"text":null,"features":{"audio":[1],"text":[9]}}""")]
    [InlineData("""{"id":8,"text":" ","features":{"audio":[1]}}""")]
    public async Task Features_LineWithoutWords_IsCopiedWithoutTextAsServingTakesIt(string line)
    {
        var output = _directory.PathOf("out.jsonl");

        var (exitCode, _, error) = await CliRun.RunAsync("features", _directory.Write("in.jsonl", Line, line), "--bundle", CliRun.TinyBundle, "--out", output);

        Assert.True(exitCode == 0, error);
        var copied = JsonElement.Parse(File.ReadLines(output).Last());
        Assert.Equal("""{"audio":[1]}""", copied.GetProperty("features").GetRawText());
        Assert.Equal("{}", copied.GetProperty("featureSpaces").GetRawText());
    }

    [Fact]
    public async Task Features_OutputIsALinkToTheInput_IsRefusedAndKeepsIt()
    {
        var (input, link) = (_directory.Write("in.jsonl", Line), _directory.PathOf("out.jsonl"));
        File.CreateSymbolicLink(link, input);

        var (exitCode, _, error) = await CliRun.RunAsync("features", input, "--bundle", CliRun.TinyBundle, "--out", link);

        Assert.Equal(1, exitCode);
        Assert.Contains("is the input itself", error);
        Assert.Equal(Line, File.ReadAllText(input).Trim());
    }

    [Fact]
    public async Task Features_Tokens_WritesIdsInsteadOfDescriptors()
    {
        var output = _directory.PathOf("out.jsonl");

        var (exitCode, _, error) = await CliRun.RunAsync("features", _directory.Write("in.jsonl", Line), "--bundle", CliRun.TinyBundle, "--out", output, "--tokens");

        Assert.True(exitCode == 0, error);
        var line = JsonElement.Parse(File.ReadAllText(output));
        Assert.True(line.GetProperty("tokens").GetArrayLength() >= 3);
        Assert.Equal("[9]", line.GetProperty("features").GetProperty("text").GetRawText());
    }

    [Theory]
    [InlineData("{", "line 2: not JSON")]
    [InlineData("[]", "line 2: expected a JSON object")]
    [InlineData("""{"text":1}""", "line 2: text must be a string")]
    [InlineData("""{"text":"a","features":[1]}""", "line 2: features must be an object")]
    [InlineData("""{"text":"a","utteranceId":"\ud800"}""", "line 2: not JSON: a string is not valid UTF-16")]
    [InlineData("""{"text":"a","\ud800":1}""", "line 2: not JSON: a string is not valid UTF-16")]
    [InlineData("""{"text":"\ud800"}""", "line 2: not JSON: a string is not valid UTF-16")]
    public async Task Features_BadLine_NamesItAndLeavesNoFile(string bad, string expected)
    {
        var (exitCode, _, error) = await CliRun.RunAsync("features", _directory.Write("in.jsonl", Line, bad), "--bundle", CliRun.TinyBundle, "--out", _directory.PathOf("out.jsonl"));

        Assert.Equal(1, exitCode);
        Assert.Contains(expected, error);
        Assert.DoesNotContain("unexpected", error);
        Assert.Equal(["in.jsonl"], Directory.GetFiles(_directory.Root).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Features_LineIsNotUtf8_NamesIt()
    {
        var input = _directory.PathOf("in.jsonl");
        File.WriteAllBytes(input, [.. "{\"text\":\"good\"}\n{\"text\":\""u8, 0xFF, 0xFE, 0x80, .. "\"}\n"u8]);

        var (exitCode, _, error) = await CliRun.RunAsync("features", input, "--bundle", CliRun.TinyBundle, "--out", _directory.PathOf("out.jsonl"));

        Assert.Equal(1, exitCode);
        Assert.Contains("in.jsonl line 2: not valid UTF-8", error);
    }

    [Fact]
    public async Task Features_NullFeatures_AreNone()
    {
        var output = _directory.PathOf("out.jsonl");

        var (exitCode, _, error) = await CliRun.RunAsync("features", _directory.Write("in.jsonl", """{"text":"good","features":null}"""), "--bundle", CliRun.TinyBundle, "--out", output);

        Assert.True(exitCode == 0, error);
        Assert.Equal(Dimension(), JsonElement.Parse(File.ReadAllText(output)).GetProperty("features").GetProperty("text").GetArrayLength());
    }

    [Fact]
    public async Task Features_InputNamedAsATemporaryFileMayBe_IsKept()
    {
        var input = _directory.Write("q.jsonl.partial", Line);

        var (exitCode, _, error) = await CliRun.RunAsync("features", input, "--bundle", CliRun.TinyBundle, "--out", _directory.PathOf("q.jsonl"));

        Assert.True(exitCode == 0, error);
        Assert.Equal(Line, File.ReadLines(input).Single());
        Assert.Single(File.ReadLines(_directory.PathOf("q.jsonl")));
    }

    [Theory]
    [InlineData("in.jsonl", "is the input itself")]
    [InlineData("", "is a directory")]
    [InlineData("missing/out.jsonl", "missing")]
    public async Task Features_UnusableOutput_SaysSoAndKeepsTheInput(string output, string expected)
    {
        var input = _directory.Write("in.jsonl", Line);

        var (exitCode, _, error) = await CliRun.RunAsync("features", input, "--bundle", CliRun.TinyBundle, "--out", _directory.PathOf(output));

        Assert.Equal(1, exitCode);
        Assert.Contains(expected, error);
        Assert.DoesNotContain("unexpected", error);
        Assert.Equal(Line, File.ReadLines(input).Single());
    }

    public void Dispose() => _directory.Dispose();

    private static string Space() => JsonElement.Parse(File.ReadAllText(Path.Combine(CliRun.TinyBundle, "manifest.json")))
        .GetProperty("modalities")[0].GetProperty("featureSpace").GetString()!;

    private static int Dimension() => JsonElement.Parse(File.ReadAllText(Path.Combine(CliRun.TinyBundle, "manifest.json")))
        .GetProperty("modalities")[0].GetProperty("dimension").GetInt32();
}
