using EmoStream.Contracts.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Sessions;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace EmoStream.Inference.Scoring;

/// <summary>The optional outputs of context.onnx: what to ask a run for, and each row's part of the answer.</summary>
internal sealed class DiagnosticOutputs
{
    private const string SingleName = "single";
    private const string JointName = "joint";

    private readonly TensorBuffer<float> _single = new();
    private readonly TensorBuffer<float> _joint = new();
    private readonly int? _labels;
    private readonly int? _width;
    private readonly int _modalities;
    private readonly string[] _names;

    /// <exception cref="BundleException">The joint space's size is not fixed in the graph.</exception>
    public DiagnosticOutputs(OnnxModel model, string file, int modalities)
    {
        (_labels, _width, _modalities) = (model.WidthOf(SingleName), model.WidthOf(JointName), modalities);
        if (_labels < 1 || _width < 1)
        {
            throw new BundleException($"{file}: outputs '{SingleName}', '{JointName}': expected a last side of fixed size.");
        }

        _names = ["logits", "weights", .. _labels is null ? (string[])[] : [SingleName], .. _width is null ? (string[])[] : [JointName]];
    }

    /// <summary>What the outputs must be where the graph has them.</summary>
    public static TensorSpec[] Specs(ModelDescription model) =>
    [
        new(SingleName, TensorElementType.Float, -1, -1, model.Modalities.Length, model.Labels.Length),
        new(JointName, TensorElementType.Float, -1, -1, model.Modalities.Length, -1),
    ];

    /// <summary>Runs the model for its required outputs and these.</summary>
    public void Run(OnnxModel model, OrtValue[] inputs, OrtValue[] outputs, int segments, int rows)
        => model.Run(inputs, _names, [.. outputs, .. Tensors(segments, rows)]);

    /// <summary>One row's part of the last run.</summary>
    public Diagnosis Take(int cell) => new() { Heads = Take(_single, cell, _labels), Joint = Take(_joint, cell, _width) };

    private IEnumerable<OrtValue> Tensors(int segments, int rows)
    {
        foreach (var (buffer, width) in ((TensorBuffer<float>, int?)[])[(_single, _labels), (_joint, _width)])
        {
            if (width is { } size)
            {
                buffer.Take(segments * rows * _modalities * size);
                yield return buffer.Tensor([segments, rows, _modalities, size]);
            }
        }
    }

    private float[][]? Take(TensorBuffer<float> buffer, int cell, int? width)
    {
        if (width is not { } size)
        {
            return null;
        }

        var row = buffer.Take((cell + 1) * _modalities * size)[(cell * _modalities * size)..];
        var parts = new float[_modalities][];
        for (var m = 0; m < parts.Length; m++)
        {
            parts[m] = row.Slice(m * size, size).ToArray();
        }

        return parts;
    }
}
