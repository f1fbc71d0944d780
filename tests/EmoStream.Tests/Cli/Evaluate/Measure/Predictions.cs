using EmoStream.Cli.Evaluate;
using EmoStream.Cli.Input;
using EmoStream.Contracts.Inference;
using EmoStream.Inference.Scoring;

namespace EmoStream.Tests.Cli.Evaluate.Measure;

/// <summary>Makes predictions out of numbers.</summary>
internal static class Predictions
{
    private static readonly ModelDescription Model = new()
    {
        Bundle = "made@1.0.0",
        Labels = ["a", "b", "c"],
        Modalities = [new("text", "text/made@1", 1, false), new("audio", "audio/made@1", 1, false)],
        Window = 1,
    };

    public static Prediction Of(int label, float[] probabilities, int dialogue = 0, int position = 0, int available = 1, float[]? weights = null, int[]? set = null, float[][]? heads = null, float[][]? joint = null)
    {
        var line = new InputLine(1, null, label < 0 ? null : Model.Labels[label], null);
        var score = new Score { Probabilities = probabilities, Weights = weights ?? [1, 0], PredictionSet = set };
        return new(dialogue, position, new Row(new Turn(line), 0, Model), available, score, new Diagnosis { Heads = heads, Joint = joint });
    }
}
