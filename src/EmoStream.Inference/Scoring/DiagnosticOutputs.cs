using EmoStream.Contracts.Inference;
using EmoStream.Inference.Sessions;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace EmoStream.Inference.Scoring;

/// <summary>
/// The optional outputs of context.onnx, read beside the required ones. Their memory is ONNX Runtime's: the size of the
/// joint space is known only from a run.
/// </summary>
internal sealed class DiagnosticOutputs
{
    private readonly string[] _names;
    private readonly string[] _required;
    private readonly Dictionary<string, (float[] Values, int Width)> _last = [];
    private readonly int _modalities;

    public DiagnosticOutputs(OnnxModel model, string[] required, ModelDescription description)
    {
        (_required, _modalities) = (required, description.Modalities.Length);
        _names = [.. required, .. Specs(description).Select(spec => spec.Name).Where(model.Gives)];
    }

    /// <summary>What the outputs must be where the graph has them.</summary>
    public static TensorSpec[] Specs(ModelDescription model) =>
    [
        new("single", TensorElementType.Float, -1, -1, model.Modalities.Length, model.Labels.Length),
        new("joint", TensorElementType.Float, -1, -1, model.Modalities.Length, 0),
    ];

    /// <summary>Runs the model for its required outputs, two of them, and these.</summary>
    public void Run(OnnxModel model, OrtValue[] inputs, Span<float> logits, Span<float> weights)
    {
        using var outputs = model.Run(inputs, _names);
        outputs[0].GetTensorDataAsSpan<float>().CopyTo(logits);
        outputs[1].GetTensorDataAsSpan<float>().CopyTo(weights);
        for (var i = _required.Length; i < _names.Length; i++)
        {
            _last[_names[i]] = (outputs[i].GetTensorDataAsSpan<float>().ToArray(), (int)outputs[i].GetTensorTypeAndShape().Shape[^1]);
        }
    }

    /// <summary>One row's part of the last run.</summary>
    public Diagnosis Take(int cell) => new() { Heads = Take("single", cell), Joint = Take("joint", cell) };

    private float[][]? Take(string output, int cell)
    {
        if (!_last.TryGetValue(output, out var found))
        {
            return null;
        }

        var parts = new float[_modalities][];
        for (var m = 0; m < parts.Length; m++)
        {
            parts[m] = found.Values.AsSpan(((cell * _modalities) + m) * found.Width, found.Width).ToArray();
        }

        return parts;
    }
}
