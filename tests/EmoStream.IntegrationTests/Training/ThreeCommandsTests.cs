using System.Globalization;
using System.Text.Json;
using EmoStream.Testing;
using EmoStream.Testing.Processes;

namespace EmoStream.IntegrationTests.Training;

/// <summary>From somebody's own labelled meetings to a bundle that serves: the three commands of src/training/README.md.</summary>
public sealed class ThreeCommandsTests : IDisposable
{
    private const int Meetings = 24;
    private const int HeldOut = 5 * LabelledMeetings.Turns; // a fifth of them

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private static readonly string Dotnet = Programs.Find("dotnet") ?? "dotnet";
    private static readonly string EmoStream = Path.Combine(Checkout.Output("EmoStream.Cli"), "emostream.dll");

    private readonly string _directory = Directory.CreateTempSubdirectory("emostream-training-").FullName;

    [Fact]
    public async Task ThreeCommands_OwnLabelledMeetings_GiveABundleThatServesWhatWasTrained()
    {
        LabelledMeetings.Write(At("meetings.jsonl"), Meetings, (_, _) => null);
        await ThreeCommandsAsync();

        var timeline = await EmoStreamAsync("up", "--bundle", At("my-bundle"), "--exit-when-done", "--port", "0");
        var rows = timeline.Split('\n').Where(line => line.StartsWith('│')).Skip(1).ToList();
        Assert.NotEmpty(rows);
        Assert.All(rows, row => Assert.True(row.Contains("retracted", StringComparison.Ordinal) || LabelledMeetings.Labels.Any(row.Contains), row));

        var held = await ServedAsTrainedAsync();
        Assert.Equal(LabelledMeetings.Labels, Json(At("my-bundle", "manifest.json")).GetProperty("labels").EnumerateArray().Select(label => label.GetString()));
        var right = held.Count(line => line.GetProperty("utteranceId").GetString()!.EndsWith(line.GetProperty("label").GetString()!, StringComparison.Ordinal));
        Assert.True(right >= 0.8 * HeldOut, $"{right} of {HeldOut} held-out utterances are right");
    }

    /// <summary>Training and serving read the same numbers out of one file and must round them alike.</summary>
    [Fact]
    public async Task ThreeCommands_VectorsThatFloat16DoesNotHold_AreServedAsTheyWereTrained()
    {
        const string Features = "--features audio=audio/test@1";
        LabelledMeetings.Write(At("meetings.jsonl"), Meetings, LabelledMeetings.Audio);
        await ThreeCommandsAsync(Features);

        var held = await ServedAsTrainedAsync(Features.Split(' '));
        Assert.Equal(["text", "text+audio"], held.Select(line => line.GetProperty("availability").GetString()).Distinct().Order());
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private async Task ThreeCommandsAsync(string train = "")
    {
        Assert.SkipUnless(ChildProcess.Unavailable is null, ChildProcess.Unavailable ?? "");
        var python = await PythonWithTorchAsync();
        Assert.SkipWhen(python is null, "needs a python3 on PATH that has torch and onnx");
        // As the README has it, `emostream` stands for the program that was built.
        var script = $"emostream() {{ '{Dotnet}' '{EmoStream}' \"$@\"; }}\n{ReadmeCommands.Script(name => At(name), train, $"--logits '{At("logits.json")}'")}";
        var path = $"{Path.GetDirectoryName(python)}{Path.PathSeparator}{Environment.GetEnvironmentVariable("PATH")}";
        await RunAsync("/bin/sh", ["-ec", script], new() { ["PATH"] = path });
    }

    /// <summary>What is served of the held-out meetings is torch's logits over the bundle's temperature; answers those predictions.</summary>
    private async Task<List<JsonElement>> ServedAsTrainedAsync(params string[] options)
    {
        await EmoStreamAsync(["evaluate", At("meetings.jsonl"), "--bundle", At("my-bundle"), "--predictions", At("predictions.jsonl"), .. options]);
        var manifest = Json(At("my-bundle", "manifest.json"));
        var labels = manifest.GetProperty("labels").EnumerateArray().Select(label => label.GetString()!).ToArray();
        var temperatures = manifest.GetProperty("calibration").GetProperty("temperatures");
        var logits = Json(At("logits.json"));
        var held = File.ReadLines(At("predictions.jsonl")).Select(line => JsonElement.Parse(line))
            .Where(line => logits.TryGetProperty(line.GetProperty("utteranceId").GetString()!, out _)).ToList();
        Assert.Equal(HeldOut, held.Count);
        Assert.All(held, line =>
        {
            var temperature = temperatures.GetProperty(line.GetProperty("availability").GetString()!).GetDouble();
            var expected = Softmax([.. logits.GetProperty(line.GetProperty("utteranceId").GetString()!).EnumerateArray().Select(logit => logit.GetDouble() / temperature)]);
            Assert.All(labels.Zip(expected), pair => Assert.Equal(pair.Second, line.GetProperty("probabilities").GetProperty(pair.First).GetDouble(), 1e-5));
        });
        return held;
    }

    private string At(params string[] parts) => Path.Combine([_directory, .. parts]);

    private Task<string> EmoStreamAsync(params string[] arguments) => RunAsync(Dotnet, [EmoStream, .. arguments], []);

    private async Task<string> RunAsync(string program, string[] arguments, Dictionary<string, string?> environment)
    {
        var log = At($"{Guid.NewGuid():N}.log");
        await using var process = await ChildProcess.StartAsync(program, arguments, log, environment, Checkout.Root);
        var exitCode = await process.WaitForExitAsync(Patience);
        Assert.True(exitCode == 0, string.Create(CultureInfo.InvariantCulture, $"{string.Join(' ', arguments)}: exit code {exitCode}\n{process.Tail()}"));
        return await File.ReadAllTextAsync(log, TestContext.Current.CancellationToken);
    }

    /// <summary>The first python3 on PATH that can train; there may be several.</summary>
    private async Task<string?> PythonWithTorchAsync()
    {
        var found = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(directory => Path.Combine(directory, "python3")).Where(File.Exists).Distinct();
        foreach (var python in found)
        {
            await using var process = await ChildProcess.StartAsync(python, ["-c", "import torch, onnx"], At("python.log"));
            if (await process.WaitForExitAsync(Patience) == 0)
            {
                return python;
            }
        }

        return null;
    }

    private static JsonElement Json(string path) => JsonElement.Parse(File.ReadAllText(path));

    private static double[] Softmax(double[] logits)
    {
        var exponentials = Array.ConvertAll(logits, logit => Math.Exp(logit - logits.Max()));
        return Array.ConvertAll(exponentials, e => e / exponentials.Sum());
    }
}
