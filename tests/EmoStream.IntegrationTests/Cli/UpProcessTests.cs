using System.Text.Json;
using System.Text.RegularExpressions;
using EmoStream.Testing;
using EmoStream.Testing.Processes;

namespace EmoStream.IntegrationTests.Cli;

/// <summary>The command that a newcomer types first, as a process of its own.</summary>
public sealed partial class UpProcessTests : IDisposable
{
    private static readonly string Bundle = Checkout.At("tests", "EmoStream.Tests", "Inference", "Assets", "tiny-bundle");

    private readonly string _directory = Directory.CreateTempSubdirectory("emostream-up-").FullName;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Up_ExitWhenDone_PrintsTheWholeTimelineAndReturns0(bool shippedBundle)
    {
        string[] bundle = shippedBundle ? [] : ["--bundle", Bundle];
        // Settings for a real Kafka do not concern the embedded one.
        var environment = new Dictionary<string, string?> { ["EmoStream__Kafka__security_protocol"] = "ssl" };
        await using var up = await StartAsync(["up", "--exit-when-done", "--port", "0", .. bundle], environment);

        var exitCode = await up.WaitForExitAsync(TimeSpan.FromMinutes(2));

        Assert.True(exitCode == 0, up.Tail());
        var output = await File.ReadAllTextAsync(up.LogFile, TestContext.Current.CancellationToken);
        var rows = output.Split('\n').Where(line => line.StartsWith('│')).Skip(1).ToList();
        var expected = Expected();
        Assert.Equal(expected.Count, rows.Count);
        foreach (var (row, (text, retracted)) in rows.Zip(expected))
        {
            Assert.Contains(retracted ? "retracted" : text, row);
            Assert.Matches(retracted ? "retracted" : "final|revised", row);
        }

        Assert.Matches(FirstEntry(), output);
    }

    [Fact]
    public async Task Up_Sigterm_StopsCleanlyWith130()
    {
        await using var up = await StartAsync("up", "--no-meeting", "--port", "0", "--bundle", Bundle);
        var address = "";
        await Eventually.TrueAsync(
            () => (address = Page().Match(up.Tail()).Groups[1].Value).Length > 0 || up.HasExited,
            () => $"the page's address. {up.Tail()}");
        using var http = new HttpClient();
        var page = await http.GetStringAsync(new Uri(address), TestContext.Current.CancellationToken);
        using var health = await http.GetAsync(new Uri(address + "health"), TestContext.Current.CancellationToken);

        up.Terminate();

        Assert.Equal(130, await up.WaitForExitAsync());
        Assert.Contains("<html", page);
        Assert.True(health.IsSuccessStatusCode);
        Assert.DoesNotContain("unexpected", await File.ReadAllTextAsync(up.LogFile, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Up_UnreachableServers_Returns1AndSaysWhatToDo()
    {
        await using var up = await StartAsync("up", "--exit-when-done", "--port", "0", "--bundle", Bundle, "--kafka", $"127.0.0.1:{FreePorts.Take()}");

        var exitCode = await up.WaitForExitAsync();

        Assert.True(exitCode == 1, up.Tail());
        Assert.Contains("Start Kafka", up.Tail());
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private Task<ChildProcess> StartAsync(params string[] arguments) => StartAsync(arguments, null);

    private Task<ChildProcess> StartAsync(string[] arguments, Dictionary<string, string?>? environment)
    {
        Assert.SkipUnless(ChildProcess.Unavailable is null, ChildProcess.Unavailable ?? "");
        var program = Path.Combine(Checkout.Output("EmoStream.Cli"), "emostream.dll");
        return ChildProcess.StartAsync(Programs.Find("dotnet") ?? "dotnet", [program, .. arguments], Path.Combine(_directory, "up.log"), environment);
    }

    /// <summary>The sample meeting as it ends: per utterance its last text, and whether it was taken back.</summary>
    private static List<(string Text, bool Retracted)> Expected()
    {
        var order = new List<string>();
        var texts = new Dictionary<string, (string, bool)>();
        foreach (var line in File.ReadLines(Checkout.At("infra", "samples", "meeting.jsonl")))
        {
            var e = JsonElement.Parse(line);
            var kind = e.GetProperty("kind").GetString();
            if (kind == "end")
            {
                continue;
            }

            var id = e.GetProperty("utteranceId").GetString()!;
            if (!texts.ContainsKey(id))
            {
                order.Add(id);
            }

            texts[id] = kind == "retraction" ? ("", true) : (e.GetProperty("text").GetString()!, false);
        }

        return order.ConvertAll(id => texts[id]);
    }

    [GeneratedRegex(@"first entry \d+\.\d s after process start", RegexOptions.IgnoreCase)]
    private static partial Regex FirstEntry();

    [GeneratedRegex(@"page\s+(http://127\.0\.0\.1:\d+/)")]
    private static partial Regex Page();
}
