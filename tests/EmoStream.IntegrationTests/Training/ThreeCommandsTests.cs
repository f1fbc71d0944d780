using System.Globalization;
using System.Text;
using System.Text.Json;
using EmoStream.Testing;
using EmoStream.Testing.Processes;

namespace EmoStream.IntegrationTests.Training;

/// <summary>From somebody's own labelled meetings to a bundle that serves: the three commands of src/training/README.md.</summary>
public sealed class ThreeCommandsTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private static readonly string Encoder = Checkout.At("infra", "models", "general");

    // Labels that no shipped bundle knows, each told by its words.
    private static readonly Dictionary<string, string[]> Sayings = new()
    {
        ["agrees"] = ["Yes, that works for me.", "I agree, let us do it.", "Good plan, I am in.", "Sure, sounds right."],
        ["objects"] = ["No, that will never work.", "I am against it, it is a mistake.", "This is wrong and I am angry.", "I refuse to sign that."],
        ["wonders"] = ["What does that mean?", "How would we measure that?", "Why is it so late?", "Who could help us with this?"],
    };

    private readonly string _directory = Directory.CreateTempSubdirectory("emostream-training-").FullName;

    [Fact]
    public async Task ThreeCommands_OwnLabelledMeetings_GiveABundleThatServesWhatWasTrained()
    {
        var python = await PythonWithTorchAsync();
        Assert.SkipWhen(python is null, "needs a python3 on PATH that has torch and onnx");
        var meetings = WriteMeetings(24, 6);

        // 1. The three commands.
        await EmoStreamAsync("features", meetings, "--bundle", Encoder, "--out", At("features.jsonl"));
        await TrainingAsync(python, "train", "--data", At("features.jsonl"), "--encoder", Encoder, "--out", At("run"));
        await TrainingAsync(python, "bundle", "--run", At("run"), "--out", At("my-bundle"), "--logits", At("logits.json"));

        // 2. It serves.
        var timeline = await EmoStreamAsync("up", "--bundle", At("my-bundle"), "--exit-when-done", "--port", "0");
        var rows = timeline.Split('\n').Where(line => line.StartsWith('│')).Skip(1).ToList();
        Assert.NotEmpty(rows);
        Assert.All(rows, row => Assert.True(row.Contains("retracted", StringComparison.Ordinal) || Sayings.Keys.Any(row.Contains), row));

        // 3. What it serves is what was trained: torch's logits of the held-out meetings over the bundle's temperature.
        await EmoStreamAsync("evaluate", meetings, "--bundle", At("my-bundle"), "--predictions", At("predictions.jsonl"));
        var manifest = Json(At("my-bundle", "manifest.json"));
        var labels = manifest.GetProperty("labels").EnumerateArray().Select(label => label.GetString()!).ToArray();
        var temperature = manifest.GetProperty("calibration").GetProperty("temperatures").GetProperty("text").GetDouble();
        var logits = Json(At("logits.json"));
        var (held, right) = (0, 0);
        foreach (var line in File.ReadLines(At("predictions.jsonl")).Select(line => JsonElement.Parse(line)))
        {
            var id = line.GetProperty("utteranceId").GetString()!;
            if (!logits.TryGetProperty(id, out var trained))
            {
                continue;
            }

            var expected = Softmax([.. trained.EnumerateArray().Select(logit => logit.GetDouble() / temperature)]);
            Assert.All(labels.Zip(expected), pair => Assert.Equal(pair.Second, line.GetProperty("probabilities").GetProperty(pair.First).GetDouble(), 1e-5));
            held++;
            right += id.EndsWith(line.GetProperty("label").GetString()!, StringComparison.Ordinal) ? 1 : 0;
        }

        Assert.Equal(Sayings.Keys.Order(), labels);
        Assert.Equal(5 * 6, held); // a fifth of 24 meetings
        Assert.True(right >= 0.8 * held, $"{right} of {held} held-out utterances are right");
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    /// <summary>Meetings of six turns; the id of an utterance ends in its label.</summary>
    private string WriteMeetings(int meetings, int turns)
    {
        var labels = Sayings.Keys.ToArray();
        var lines = new StringBuilder();
        for (var i = 0; i < meetings * turns; i++)
        {
            // 7 is prime to both 3 and 4: labels and sayings come in every order.
            var label = labels[(i * 7 / 2) % labels.Length];
            lines.AppendLine(JsonSerializer.Serialize(new
            {
                conversationId = FormattableString.Invariant($"m{i / turns}"),
                utteranceId = FormattableString.Invariant($"u{i}-{label}"),
                index = i % turns,
                speaker = i % 2 == 0 ? "A" : "B",
                startMs = 1000 * (i % turns),
                endMs = (1000 * (i % turns)) + 900,
                text = Sayings[label][(i * 5 / 3) % Sayings[label].Length],
                label,
            }));
        }

        File.WriteAllText(At("meetings.jsonl"), lines.ToString());
        return At("meetings.jsonl");
    }

    private string At(params string[] parts) => Path.Combine([_directory, .. parts]);

    private Task<string> EmoStreamAsync(params string[] arguments)
        => RunAsync(Programs.Find("dotnet") ?? "dotnet", [Path.Combine(Checkout.Output("EmoStream.Cli"), "emostream.dll"), .. arguments]);

    private Task<string> TrainingAsync(string python, params string[] arguments) => RunAsync(python, ["-m", "emostream_training", .. arguments]);

    private async Task<string> RunAsync(string program, string[] arguments)
    {
        Assert.SkipUnless(ChildProcess.Unavailable is null, ChildProcess.Unavailable ?? "");
        var log = At($"{Guid.NewGuid():N}.log");
        await using var process = await ChildProcess.StartAsync(program, arguments, log, workingDirectory: Checkout.At("src", "training"));
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
