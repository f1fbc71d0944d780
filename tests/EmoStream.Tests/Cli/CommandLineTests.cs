namespace EmoStream.Tests.Cli;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("fly")]
    [InlineData("up", "--port", "70000")]
    [InlineData("up", "--speed", "fast")]
    [InlineData("up", "--speed", "0")]
    [InlineData("up", "--speed", "-1")]
    [InlineData("up", "--no-meeting", "--exit-when-done")]
    [InlineData("up", "--timeout", "0")]
    [InlineData("up", "--wings")]
    [InlineData("replay")]
    [InlineData("replay", "a.jsonl", "--speed", "quick")]
    [InlineData("replay", "a.jsonl", "--features", "face")]
    [InlineData("replay", "a.jsonl", "--features", "smell=a@1")]
    [InlineData("replay", "a.jsonl", "--conversation-prefix", "{")]
    [InlineData("replay", "a.jsonl", "--topic", "bad topic!")]
    [InlineData("replay", "a.jsonl", "--topic", "")]
    [InlineData("replay", "a.jsonl", "--topic", "..")]
    [InlineData("watch")]
    [InlineData("watch", "c", "--gateway", "not an address")]
    [InlineData("watch", "c", "--after", "-1")]
    [InlineData("evaluate")]
    [InlineData("evaluate", "a.jsonl", "--features", "text")]
    [InlineData("evaluate", "a.jsonl", "--compare", "one")]
    [InlineData("evaluate", "a.jsonl", "--compare", "one", "two", "--bundle", "three")]
    [InlineData("evaluate", "a.jsonl", "--compare", "one", "two", "--predictions", "out")]
    [InlineData("replay", "a.jsonl", "--features", "text=text/a@1")]
    [InlineData("diff", "--bundle", "a", "--bundle", "b")]
    [InlineData("diff", "a.jsonl")]
    [InlineData("diff", "a.jsonl", "--bundle", "a")]
    [InlineData("diff", "a.jsonl", "--bundle", "a", "--bundle", "b", "--bundle", "c")]
    [InlineData("diff", "a.jsonl", "--bundle", "a", "--bundle", "b", "--gateway", "not an address")]
    [InlineData("features", "a.jsonl")]
    [InlineData("doctor", "--port", "x")]
    [InlineData("dlq", "show")]
    [InlineData("dlq", "show", "17")]
    [InlineData("dlq", "redrive")]
    [InlineData("dlq", "redrive", "0:x")]
    [InlineData("dlq", "redrive", "0:1", "--all")]
    [InlineData("dlq", "redrive", "--all", "--skip", "1")]
    [InlineData("dlq", "redrive", "--all", "--timeout", "0")]
    public async Task Run_WrongUsage_Returns2AndSaysWhy(params string[] args)
    {
        var (exitCode, _, error) = await CliRun.RunAsync(args);

        Assert.Equal(2, exitCode);
        var lines = error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.EndsWith("--help says how.", lines[^1]);
        Assert.InRange(lines.Length, 2, 4); // not a page of help after it
    }

    [Theory]
    [InlineData("up")]
    [InlineData("replay")]
    [InlineData("watch")]
    [InlineData("evaluate")]
    [InlineData("diff")]
    [InlineData("features")]
    [InlineData("doctor")]
    [InlineData("dlq")]
    [InlineData("dlq list")]
    [InlineData("dlq show")]
    [InlineData("dlq redrive")]
    public async Task Help_OfEveryCommand_HasUsageExamplesAndEnvironment(string command)
    {
        var (exitCode, output, _) = await CliRun.RunAsync([.. command.Split(' '), "--help"]);

        Assert.Equal(0, exitCode);
        Assert.Contains($"emostream {command}", output);
        Assert.Contains("Examples:", output);
        Assert.Contains("Environment:", output);
    }

    [Fact]
    public async Task Help_OfReplay_NamesTheDefaultSpeedOnce()
    {
        var (_, output, _) = await CliRun.RunAsync("replay", "--help");

        Assert.Equal(2, output.Split("[default: 1]").Length);
    }

    [Fact]
    public async Task Help_OfUp_SaysWhatTheEmbeddedServersCannotDo()
    {
        var (_, output, _) = await CliRun.RunAsync("up", "--help");

        Assert.Contains("nothing survives the process", output);
        Assert.Contains("5 MB", output);
    }

    [Theory]
    [InlineData("replay")]
    [InlineData("evaluate")]
    public async Task Run_MissingFile_Returns1AndNamesIt(string command)
    {
        var (exitCode, _, error) = await CliRun.RunAsync(command, "/no/such/file.jsonl");

        Assert.Equal(1, exitCode);
        Assert.Contains("/no/such/file.jsonl: no such file", error);
    }

    [Theory]
    [InlineData(256)]
    [InlineData(250)]
    public async Task Replay_PrefixThatMakesIdsTooLong_Returns2AndNamesTheOption(int length)
    {
        using var directory = new TemporaryDirectory();
        var file = directory.Write("a.jsonl", """{"conversationId":"weekly-planning","utteranceId":"u1","speaker":"Ana","text":"Hi."}""");

        var (exitCode, _, error) = await CliRun.RunAsync("replay", file, "--conversation-prefix", new string('p', length), "--kafka", "127.0.0.1:1");

        Assert.Equal(2, exitCode);
        Assert.Contains("--conversation-prefix", error);
        Assert.DoesNotContain("unexpected", error);
    }

    [Theory]
    [InlineData("replay")]
    [InlineData("evaluate")]
    [InlineData("features", "--bundle", "BUNDLE", "--out", "OUT")]
    public async Task Run_DirectoryAsFile_Returns1AndSaysSo(string command, params string[] options)
    {
        using var directory = new TemporaryDirectory();
        string[] named = [.. options.Select(option => option switch { "BUNDLE" => CliRun.TinyBundle, "OUT" => directory.PathOf("out.jsonl"), _ => option })];

        var (exitCode, _, error) = await CliRun.RunAsync([command, directory.Root, .. named]);

        Assert.Equal(1, exitCode);
        Assert.Contains($"{directory.Root}: is a directory", error);
    }

    [Theory]
    [InlineData("evaluate", "--json")]
    [InlineData("evaluate")]
    [InlineData("diff", "--bundle", "BUNDLE", "--json")]
    public async Task Run_OutputIsFull_Returns1AndSaysSoInALine(string command, params string[] options)
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "needs /dev/full");
        using var directory = new TemporaryDirectory();
        var file = directory.Write("a.jsonl", """{"conversationId":"c","utteranceId":"u1","speaker":"Ana","text":"good","label":"joy"}""");
        await using var output = new StreamWriter(new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0)) { AutoFlush = true };
        using var error = new StringWriter();
        string[] args = [command, file, "--bundle", CliRun.TinyBundle, .. options];

        var exitCode = await EmoStream.Cli.CommandTree.RunAsync(Array.ConvertAll(args, arg => arg == "BUNDLE" ? CliRun.TinyBundle : arg), output, error);

        Assert.Equal(1, exitCode);
        Assert.StartsWith("error: writing the result failed: No space left on device", error.ToString());
        Assert.Single(error.ToString().Trim().Split('\n'));
    }

    [Theory]
    [InlineData(2, "fly")]
    [InlineData(1, "evaluate", "/no/such/file.jsonl")]
    public async Task Run_ErrorIsFull_ReturnsWhatItWouldOtherwise(int expected, params string[] args)
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "needs /dev/full");
        using var output = new StringWriter();
        await using var error = new StreamWriter(new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0)) { AutoFlush = true };

        Assert.Equal(expected, await EmoStream.Cli.CommandTree.RunAsync(args, output, error));
    }

    [Fact]
    public async Task Run_StrayFailureOfAFile_IsUnexpectedAndHasItsTrace()
    {
        using var error = new StringWriter();
        var command = new System.CommandLine.Command("work");
        EmoStream.Cli.CommandTree.Run(command, new EmoStream.Cli.Terminal(TextWriter.Null, error), (_, _) => throw new IOException("gone"));

        var exitCode = await command.Parse([]).InvokeAsync(cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(1, exitCode);
        Assert.StartsWith("error: unexpected IOException: gone", error.ToString());
        Assert.Contains(nameof(Run_StrayFailureOfAFile_IsUnexpectedAndHasItsTrace), error.ToString());
    }

    [Fact]
    public async Task Up_MissingBundle_Returns1AndSaysWhatToDo()
    {
        var (exitCode, _, error) = await CliRun.RunAsync("up", "--exit-when-done", "--port", "0", "--bundle", "/no/such/bundle");

        Assert.Equal(1, exitCode);
        Assert.Contains("/no/such/bundle", error);
        Assert.Contains("--bundle DIR", error);
    }

    [Fact]
    public async Task Up_PortInUse_Returns1AndSaysWhatToDo()
    {
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        taken.Start();
        var port = ((System.Net.IPEndPoint)taken.LocalEndpoint).Port;

        var (exitCode, _, error) = await CliRun.RunAsync("up", "--exit-when-done", "--port", $"{port}", "--bundle", CliRun.TinyBundle);

        Assert.Equal(1, exitCode);
        Assert.Contains($"Port {port} on 127.0.0.1 is in use", error);
        Assert.Contains("--port", error);
    }

    [Fact]
    public async Task Up_MeetingLargerThanTheEmbeddedBrokerKeeps_Returns1AndSaysWhatToDo()
    {
        using var directory = new TemporaryDirectory();
        var line = $$"""{"conversationId":"c","utteranceId":"NUMBER","speaker":"Ana","text":"{{new string('x', 30_000)}}"}""";
        var meeting = directory.Write("long.jsonl", [.. Enumerable.Range(0, 110).Select(i => line.Replace("NUMBER", $"u{i}"))]);

        var (exitCode, _, error) = await CliRun.RunAsync("up", "--exit-when-done", "--port", "0", "--meeting", meeting, "--bundle", CliRun.TinyBundle);

        Assert.Equal(1, exitCode);
        Assert.Contains("larger than what the embedded broker keeps", error);
    }
}
