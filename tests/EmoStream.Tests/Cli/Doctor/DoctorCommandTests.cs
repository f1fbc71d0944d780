using System.Text.Json;

namespace EmoStream.Tests.Cli.Doctor;

public sealed class DoctorCommandTests
{
    [Fact]
    public async Task Doctor_EmbeddedServersAndGoodBundle_FindsEverythingRight()
    {
        var (exitCode, output, error) = await CliRun.RunAsync("doctor", "--json", "--port", "0", "--bundle", CliRun.TinyBundle);

        var diagnosis = JsonElement.Parse(output);
        Assert.True(exitCode == 0, output + error);
        Assert.True(diagnosis.GetProperty("ok").GetBoolean());
        var checks = diagnosis.GetProperty("findings").EnumerateArray().Select(f => f.GetProperty("check").GetString()).ToList();
        Assert.Superset(
            new HashSet<string?> { "runtime", "port", "execution provider", "kafka", "topic emostream.utterances", "redis", "redis scripts", "bundle", "scoring", "policy" },
            checks.ToHashSet());
        Assert.Contains("4 partition(s)", output);
        Assert.Contains("ms per utterance", output);
    }

    [Fact]
    public async Task Doctor_NothingThere_SaysWhatToDoAboutEachAndReturns1()
    {
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        taken.Start();
        var port = ((System.Net.IPEndPoint)taken.LocalEndpoint).Port;

        // The port that is taken speaks neither protocol.
        var (exitCode, output, _) = await CliRun.RunAsync(
            "doctor", "--json", "--port", $"{port}", "--kafka", $"127.0.0.1:{port}", "--redis", $"127.0.0.1:{port}", "--bundle", "/no/such/bundle", "--policy", "/no/such/policy.json");

        Assert.Equal(1, exitCode);
        var bad = JsonElement.Parse(output).GetProperty("findings").EnumerateArray().Where(f => !f.GetProperty("ok").GetBoolean()).ToList();
        Assert.Equal(["port", "kafka", "redis", "bundle", "policy"], bad.Select(f => f.GetProperty("check").GetString()));
        Assert.All(bad, finding => Assert.NotEmpty(finding.GetProperty("remedy").GetString()!));
    }

    [Fact]
    public async Task Doctor_WithoutJson_PrintsATable()
    {
        var (_, output, _) = await CliRun.RunAsync("doctor", "--port", "0", "--bundle", "/no/such/bundle");

        Assert.Contains("✗", output);
        Assert.Contains("✓", output);
        Assert.Contains("--bundle DIR", output);
    }
}
