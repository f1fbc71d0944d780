using EmoStream.Testing;
using EmoStream.Testing.Processes;

namespace EmoStream.Tests.Cli;

/// <summary>What only the program as a process can show: signals, and what native libraries print.</summary>
public sealed class ProcessTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Features_Interrupted_Returns130AndLeavesNoFile(bool terminate)
    {
        Assert.SkipWhen(ChildProcess.Unavailable is not null, ChildProcess.Unavailable ?? "");
        // Far more than is encoded before the signal comes.
        var input = _directory.Write("in.jsonl", [.. Enumerable.Repeat("""{"text":"good bad"}""", 400_000)]);
        await using var process = await StartAsync("features", input, "--bundle", CliRun.TinyBundle, "--out", _directory.PathOf("out.jsonl"));
        await Eventually.TrueAsync(_ => Task.FromResult(Partial().Length == 1 || process.HasExited), () => $"no output was begun: {process.Tail()}");

        if (terminate)
        {
            process.Terminate();
        }
        else
        {
            process.Interrupt();
        }

        Assert.Equal(130, await process.WaitForExitAsync());
        Assert.Empty(Partial());
        Assert.False(File.Exists(_directory.PathOf("out.jsonl")));
    }

    [Fact]
    public async Task Compare_FigureWithoutIntervals_PrintsNoComplaintOfTheGraphicsLibrary()
    {
        Assert.SkipWhen(ChildProcess.Unavailable is not null, ChildProcess.Unavailable ?? "");
        // One conversation has no intervals.
        var input = _directory.Write("in.jsonl", """{"conversationId":"c","utteranceId":"u1","speaker":"Ana","text":"good","label":"joy"}""");
        await using var process = await StartAsync("evaluate", input, "--compare", CliRun.TinyBundle, CliRun.TinyBundle, "--plots", _directory.PathOf("figures"));

        Assert.True(await process.WaitForExitAsync() == 0, process.Tail());

        Assert.True(File.Exists(Path.Combine(_directory.PathOf("figures"), "comparison.svg")));
        Assert.DoesNotContain("Unsupported", File.ReadAllText(process.LogFile));
    }

    public void Dispose() => _directory.Dispose();

    private string[] Partial() => Directory.GetFiles(_directory.Root, "*.partial");

    private Task<ChildProcess> StartAsync(params string[] arguments) => ChildProcess.StartAsync(
        Programs.Find("dotnet") ?? "dotnet", [Path.Combine(Checkout.Output("EmoStream.Cli"), "emostream.dll"), .. arguments], _directory.PathOf("log"));
}
