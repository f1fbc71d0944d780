using EmoStream.Testing;
using EmoStream.Testing.Processes;

namespace EmoStream.Tests.Cli;

/// <summary>The program between the redirections and pipes of a shell.</summary>
public sealed class RedirectionTests : IDisposable
{
    private const string Line = """{"conversationId":"c","utteranceId":"u1","speaker":"Ana","text":"good","label":"joy"}""";

    private readonly TemporaryDirectory _directory = new();

    [Theory]
    [InlineData("/dev/stdout", ">")]
    [InlineData("/dev/stdout", ">>")]
    [InlineData("/proc/self/fd/1", ">")]
    [InlineData("link", ">>")]
    [InlineData("/dev/stderr", "2>")]
    [InlineData("/dev/stderr", "2>>")]
    [InlineData("/proc/self/fd/3", "3>>")]
    public async Task Predictions_ToAStreamThatIsRedirected_ComeAfterWhatTheFileHolds(string predictions, string redirection)
    {
        var (input, log) = (_directory.Write("in.jsonl", Line), _directory.Write("out", "old"));
        File.CreateSymbolicLink(_directory.PathOf("link"), "/dev/stdout");

        await RunAsync($"emostream evaluate {input} --bundle \"$BUNDLE\" --json --predictions {predictions} {redirection} {log}");

        var lines = File.ReadLines(log).ToList();
        var old = redirection.EndsWith(">>", StringComparison.Ordinal) ? 1 : 0;
        Assert.Equal(old, lines.IndexOf("old") + 1);
        Assert.Contains("\"u1\"", lines[old]);
        // The report follows where it goes to the same file.
        Assert.Equal(redirection[0] == '>', string.Concat(lines.Skip(old + 1)).Contains("\"weightedF1\"", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("features /dev/stdin --bundle \"$BUNDLE\" --out", "\"featureSpaces\"")]
    [InlineData("evaluate /dev/stdin --bundle \"$BUNDLE\" --predictions", "\"u1\"")]
    [InlineData("diff /dev/stdin --bundle \"$BUNDLE\" --bundle \"$BUNDLE\" --all --json >", "\"u1\"")]
    public async Task Input_Pipe_IsReadWhole(string command, string expected)
    {
        var (input, output) = (_directory.Write("in.jsonl", Line), _directory.PathOf("out"));

        await RunAsync($"cat {input} | emostream {command} {output}");

        Assert.Contains(expected, File.ReadAllText(output));
    }

    public void Dispose() => _directory.Dispose();

    private async Task RunAsync(string script)
    {
        Assert.SkipWhen(ChildProcess.Unavailable is not null, ChildProcess.Unavailable ?? "");
        var environment = new Dictionary<string, string?>
        {
            ["PROGRAM"] = Path.Combine(Checkout.Output("EmoStream.Cli"), "emostream.dll"),
            ["BUNDLE"] = CliRun.TinyBundle,
        };
        string[] arguments = ["-c", $"emostream() {{ dotnet \"$PROGRAM\" \"$@\"; }}; {script}"];
        await using var process = await ChildProcess.StartAsync("/bin/sh", arguments, _directory.PathOf("log"), environment);
        Assert.True(await process.WaitForExitAsync() == 0, process.Tail());
    }
}
