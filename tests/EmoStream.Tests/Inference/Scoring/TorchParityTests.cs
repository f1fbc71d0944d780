using System.Text.Json;
using EmoStream.Contracts.Inference;
using EmoStream.Testing;
using EmoStream.Tests.Cli;

namespace EmoStream.Tests.Inference.Scoring;

/// <summary>
/// What is served equals what was trained: a context model with every part on, full size, random weights and statistics,
/// exported and scored here, against PyTorch on the same descriptors.
/// </summary>
public sealed class TorchParityTests(ITestOutputHelper output) : IDisposable
{
    private const double Tolerance = 1e-5;
    private const string Script = "tests/EmoStream.Tests/Inference/Assets/make_fusion_bundle.py";

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    /// <summary>Every subset of the modalities, modalities that come and go, lengths below and above the receptive field, look-ahead 0 to 3.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Score_RandomDialogues_EqualsTorch(int modalities)
    {
        Assert.SkipUnless(Torch.Unavailable is null, Torch.Unavailable ?? "");
        await Torch.RunAsync(Script, "--out", _directory.PathOf("bundle"), "--expect", _directory.PathOf("expected"), "--modalities", $"{modalities}");

        var (dialogues, scores) = Compare(out var window);

        Assert.Equal((1 << modalities) - 1 + 6, dialogues);
        Assert.True(scores > 5 * window, $"{scores} scores over a receptive field of {window}");
    }

    /// <summary>Real descriptors: texts through the shipped encoder beside measured audio, in every subset.</summary>
    [Fact]
    public async Task Score_RealUtterances_EqualsTorch()
    {
        Assert.SkipUnless(Torch.Unavailable is null, Torch.Unavailable ?? "");
        var data = Checkout.Shared("data", "iemocap6");
        Assert.SkipUnless(data is not null, "needs ../shared/data/iemocap6");
        var lines = File.ReadLines(Directory.GetFiles(data, "*.jsonl")[0]).Take(300).ToArray();
        var (exitCode, _, error) = await CliRun.RunAsync(
            "features", _directory.Write("lines.jsonl", lines), "--bundle", Checkout.At("infra", "models", "meld"), "--out", _directory.PathOf("data.jsonl"));
        Assert.True(exitCode == 0, error);

        await Torch.RunAsync(Script, "--out", _directory.PathOf("bundle"), "--expect", _directory.PathOf("expected"), "--data", _directory.PathOf("data.jsonl"));

        var (_, scores) = Compare(out _);
        Assert.True(scores > 2 * lines.Length, $"{scores} scores of {lines.Length} utterances");
    }

    /// <summary>All dialogues in one batch, so that they are padded and grouped as in production.</summary>
    private (int Dialogues, int Scores) Compare(out int window)
    {
        var expected = JsonSerializer.Deserialize<Expected[]>(File.ReadAllText(_directory.PathOf("expected")), JsonSerializerOptions.Web)!;
        var (worst, scores) = (0.0, 0);
        window = 0;
        foreach (var group in expected.GroupBy(dialogue => dialogue.LookAhead))
        {
            using var scorer = TinyBundle.Open(TinyBundle.Copy(manifest => manifest["context"]!["lookAhead"] = group.Key, _directory.PathOf("bundle")));
            window = scorer.Description.Window;
            var requests = group.Select(Request).ToArray();
            foreach (var (dialogue, (request, reply)) in group.Zip(requests.Zip(scorer.Score(requests))))
            {
                for (var i = 0; i < request.Scored.Length; i++, scores++)
                {
                    worst = Math.Max(worst, Deviation(dialogue, request.Scored[i], reply.Scores[i]));
                }
            }
        }

        output.WriteLine($"largest deviation of {scores} scores: {worst:E2}");
        Assert.InRange(worst, 0, Tolerance);
        return (expected.Length, scores);
    }

    private static ScoreRequest Request(Expected dialogue)
    {
        var rows = dialogue.Descriptors.Zip(dialogue.Speakers, (descriptors, speaker) => new ContextRow { Speaker = speaker, Descriptors = descriptors }).ToArray();
        return new() { Rows = rows, Scored = [.. Enumerable.Range(0, rows.Length).Where(i => rows[i].Descriptors!.Any(d => d is not null))] };
    }

    /// <summary>Largest difference in weights, probabilities and logits; those are told by the probabilities up to a constant, which their mean removes.</summary>
    private static double Deviation(Expected dialogue, int row, Score score)
    {
        var logits = dialogue.Logits[row].Select(logit => (double)logit).ToArray();
        var sum = logits.Sum(Math.Exp);
        var (mean, meanLog) = (logits.Average(), score.Probabilities.Average(p => Math.Log(p)));
        return logits.Select((logit, c) => Math.Max(
                Math.Abs((Math.Exp(logit) / sum) - score.Probabilities[c]),
                Math.Abs(logit - mean - Math.Log(score.Probabilities[c]) + meanLog) / Math.Max(1, Math.Abs(logit))))
            .Concat(dialogue.Weights[row].Zip(score.Weights, (a, b) => (double)Math.Abs(a - b)))
            .Max();
    }

    private sealed record Expected(int LookAhead, int[] Speakers, byte[]?[][] Descriptors, float[][] Logits, float[][] Weights);
}
