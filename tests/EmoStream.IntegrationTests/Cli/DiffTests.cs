using System.Text.Json;
using EmoStream.Cli;
using EmoStream.Testing;
using EmoStream.Testing.Gateway;
using EmoStream.Testing.Redis;

namespace EmoStream.IntegrationTests.Cli;

/// <summary>A conversation that lies in Redis, fetched through a real gateway.</summary>
public sealed class DiffTests : IAsyncLifetime
{
    private static readonly string Shipped = Checkout.At("infra", "models", "meld");
    private static readonly string Tiny = Checkout.At("tests", "EmoStream.Tests", "Inference", "Assets", "tiny-bundle");

    private RedisServer _redis = null!;
    private GatewayHost _gateway = null!;
    private TimelineWriter _writer = null!;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(RedisServer.Executable is not null, "needs redis-server");
        _redis = await RedisServer.StartAsync();
        _gateway = await GatewayHost.StartAsync(_redis.ConnectionString);
        _writer = await TimelineWriter.OpenAsync(_redis.ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        if (_redis is not null)
        {
            await _writer.DisposeAsync();
            await _gateway.DisposeAsync();
            await _redis.DisposeAsync();
        }
    }

    [Fact]
    public async Task Diff_ConversationBehindTheGateway_EqualsTheSameFile()
    {
        var file = Path.GetTempFileName();
        try
        {
            await _writer.WriteAsync(_writer.Entry("u1", "s1", "We won the contract!"));
            await _writer.WriteAsync(_writer.Entry("u2", "s2", "Strike that."));
            await _writer.WriteAsync(_writer.Entry("u3", "s1", "I am so sad that you leave."), _writer.Entry("u4", "s2", "") with { Text = null });
            await _writer.WriteAsync(_writer.Retracted("u2"));
            await File.WriteAllLinesAsync(file, [
                Line("u1", "Speaker s1", "\"We won the contract!\""),
                Line("u2", "Speaker s2", "\"anything\""),
                Line("u3", "Speaker s1", "\"I am so sad that you leave.\""),
                Line("u4", "Speaker s2", "\"anything\""),
                """{"conversationId":"c","utteranceId":"u2","kind":"retraction"}""",
                """{"conversationId":"c","utteranceId":"u4","kind":"retraction"}"""], TestContext.Current.CancellationToken);

            var live = await RunAsync(_writer.ConversationId, "--json", "--all");
            var offline = await RunAsync(file, "--json", "--all");

            Assert.True(live.ExitCode == 0 && offline.ExitCode == 0, live.Error + offline.Error);
            var (a, b) = (JsonElement.Parse(live.Output), JsonElement.Parse(offline.Output));
            Assert.Equal(["u1", "u3"], a.GetProperty("rows").EnumerateArray().Select(row => row.GetProperty("utteranceId").GetString()));
            Assert.Equal([0, 2], a.GetProperty("rows").EnumerateArray().Select(row => row.GetProperty("index").GetInt32()));
            Assert.Equal(Scores(b), Scores(a));
            Assert.True(a.GetProperty("textOnly").GetBoolean());
            Assert.Equal((1, 1), (a.GetProperty("retracted").GetInt32(), a.GetProperty("withheldTexts").GetInt32()));
        }
        finally
        {
            File.Delete(file);
        }

        static string Line(string id, string speaker, string text) =>
            $$"""{"conversationId":"c","utteranceId":"{{id}}","speaker":"{{speaker}}","text":{{text}}}""";
    }

    [Fact]
    public async Task Diff_ConversationWithWithheldText_SaysSoPlainly()
    {
        await _writer.WriteAsync(_writer.Entry("u1", "s1", "We won the contract!"), _writer.Entry("u2", "s2") with { Text = null });

        var (exitCode, output, error) = await RunAsync(_writer.ConversationId);

        Assert.True(exitCode == 0, error);
        Assert.Contains("both bundles scored its text alone", output);
        Assert.Contains("because the policy did not allow it: 1 utterances", output);
    }

    [Fact]
    public async Task Diff_ConversationWhollyWithheld_FailsAndSaysWhy()
    {
        await _writer.WriteAsync(_writer.Entry("u1") with { Text = null });

        var (exitCode, output, error) = await RunAsync(_writer.ConversationId);

        Assert.Equal((1, ""), (exitCode, output));
        Assert.Contains("their texts were not allowed by the policy", error);
    }

    [Fact]
    public async Task Diff_UnknownConversation_SaysThatItIsNoFileEither()
    {
        var (exitCode, _, error) = await RunAsync("nobody-said-anything");

        Assert.Equal(1, exitCode);
        Assert.Contains("there is no file of that name, and the gateway does not know a conversation of that name", error);
    }

    private static List<string> Scores(JsonElement report)
        => [.. report.GetProperty("rows").EnumerateArray().Select(row => row.GetProperty("a").GetRawText() + row.GetProperty("b").GetRawText())];

    private async Task<(int ExitCode, string Output, string Error)> RunAsync(string source, params string[] options)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var exitCode = await CommandTree.RunAsync(
            ["diff", source, "--bundle", Shipped, "--bundle", Tiny, "--gateway", _gateway.Address.ToString(), .. options], output, error);
        return (exitCode, output.ToString(), error.ToString());
    }
}
