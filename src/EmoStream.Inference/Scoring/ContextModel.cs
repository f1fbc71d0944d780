using EmoStream.Contracts.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Encoding;
using EmoStream.Inference.Sessions;
using Microsoft.Extensions.Logging;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace EmoStream.Inference.Scoring;

/// <summary>
/// Runs context.onnx over segments padded to the same number of rows, and turns its logits into scores.
/// </summary>
/// <remarks>
/// In, per modality by its name: float32 [batch, rows, dimension], 0 where absent; available: bool [batch, rows, modalities];
/// speaker: int64 [batch, rows]; present: bool [batch, rows], false for padding; look_ahead: int64 scalar.
/// Out: logits float32 [batch, rows, labels]; weights float32 [batch, rows, modalities]. Only where <see cref="Diagnosis"/>
/// is asked for, and only if the graph has them: single float32 [batch, rows, modalities, labels]; joint float32
/// [batch, rows, modalities, joint].
/// </remarks>
internal sealed partial class ContextModel : IDisposable
{
    private readonly OnnxModel _model;
    private readonly ModelDescription _description;
    private readonly Calibration _calibration;
    private readonly InferenceMetrics _metrics;
    private readonly TensorBuffer<float>[] _descriptors;
    private readonly TensorBuffer<bool> _available = new();
    private readonly TensorBuffer<long> _speaker = new();
    private readonly TensorBuffer<bool> _present = new();
    private readonly TensorBuffer<long> _lookAhead = new();
    private readonly TensorBuffer<float> _logits = new();
    private readonly TensorBuffer<float> _weights = new();
    private readonly DiagnosticOutputs _diagnostics;

    public ContextModel(ModelBundle bundle, InferenceOptions options, InferenceMetrics metrics, ILogger logger)
    {
        _description = bundle.Description;
        _calibration = new(bundle.Manifest);
        _metrics = metrics;
        var modalities = _description.Modalities;
        _descriptors = [.. modalities.Select(_ => new TensorBuffer<float>())];
        _model = new(
            bundle,
            bundle.Manifest.Context!.Model,
            new ExecutionProviders(options, logger),
            [
                .. modalities.Select(m => new TensorSpec(m.Name, TensorElementType.Float, -1, -1, m.Dimension)),
                new("available", TensorElementType.Bool, -1, -1, modalities.Length),
                new("speaker", TensorElementType.Int64, -1, -1),
                new("present", TensorElementType.Bool, -1, -1),
                new("look_ahead", TensorElementType.Int64),
            ],
            [
                new("logits", TensorElementType.Float, -1, -1, _description.Labels.Length),
                new("weights", TensorElementType.Float, -1, -1, modalities.Length),
            ],
            DiagnosticOutputs.Specs(_description));
        _diagnostics = new(_model, ["logits", "weights"], _description);
        if (_calibration.Uncalibrated.Length > 0)
        {
            LogUncalibrated(logger, bundle.Id, string.Join(", ", _calibration.Uncalibrated));
        }
    }

    /// <summary>Scores the segments in one run, padded to <paramref name="rows"/>.</summary>
    /// <param name="segments">What to run.</param>
    /// <param name="rows">Rows of the longest segment.</param>
    /// <param name="batch">The requests that the segments point into.</param>
    /// <param name="encoded">Per request and row the descriptors of new rows.</param>
    /// <param name="scores">Per request where its scores go.</param>
    /// <param name="diagnoses">Per request where its diagnoses go; null, as in serving: none are computed.</param>
    public void Run(ReadOnlySpan<Segment> segments, int rows, IReadOnlyList<ScoreRequest> batch, byte[]?[]?[][] encoded, Score[][] scores, Diagnosis[][]? diagnoses)
    {
        var started = _metrics.Start();
        var (labels, modalities, count) = (_description.Labels.Length, _description.Modalities.Length, 0);

        // 1. Fill the inputs.
        Take(segments.Length * rows);
        for (var s = 0; s < segments.Length; s++)
        {
            Fill(segments[s], s * rows, rows, batch[segments[s].Request], encoded[segments[s].Request]);
        }

        // 2. Run.
        var logits = _logits.Take(segments.Length * rows * labels);
        var weights = _weights.Take(segments.Length * rows * modalities);
        var inputs = Inputs(segments.Length, rows);
        if (diagnoses is null)
        {
            _model.Run(inputs, [_logits.Tensor([segments.Length, rows, labels]), _weights.Tensor([segments.Length, rows, modalities])]);
        }
        else
        {
            _diagnostics.Run(_model, inputs, logits, weights);
        }

        // 3. Take the scores out.
        var available = _available.Take(segments.Length * rows * modalities);
        for (var s = 0; s < segments.Length; s++)
        {
            var segment = segments[s];
            var scored = batch[segment.Request].Scored;
            for (var i = segment.FirstScore; i < segment.FirstScore + segment.Scores; i++)
            {
                var cell = (s * rows) + scored[i] - segment.Start;
                scores[segment.Request][i] = _calibration.Apply(
                    logits.Slice(cell * labels, labels),
                    Mask(available.Slice(cell * modalities, modalities)),
                    weights.Slice(cell * modalities, modalities).ToArray());
                if (diagnoses is not null)
                {
                    diagnoses[segment.Request][i] = _diagnostics.Take(cell);
                }
            }

            count += segment.Scores;
        }

        _metrics.Contextualised(started, count, _model.Provider);
    }

    public void Dispose() => _model.Dispose();

    private static int Mask(ReadOnlySpan<bool> available)
    {
        var mask = 0;
        for (var m = 0; m < available.Length; m++)
        {
            mask |= available[m] ? 1 << m : 0;
        }

        return mask;
    }

    private void Take(int cells)
    {
        for (var m = 0; m < _descriptors.Length; m++)
        {
            _descriptors[m].Take(cells * _description.Modalities[m].Dimension).Clear();
        }

        _available.Take(cells * _descriptors.Length).Clear();
        _speaker.Take(cells).Clear();
        _present.Take(cells).Clear();
        _lookAhead.Take(1)[0] = _description.LookAhead;
    }

    private void Fill(Segment segment, int cell, int rows, ScoreRequest request, byte[]?[]?[] encoded)
    {
        var cells = cell + rows;
        var available = _available.Take(cells * _descriptors.Length);
        var speaker = _speaker.Take(cells);
        var present = _present.Take(cells);
        for (var r = segment.Start; r < segment.Start + segment.Rows; r++, cell++)
        {
            var row = request.Rows[r];
            (present[cell], speaker[cell]) = (true, row.Speaker);
            var descriptors = row.Descriptors ?? encoded[r]!;
            for (var m = 0; m < descriptors.Length; m++)
            {
                if (descriptors[m] is { } descriptor)
                {
                    var dimension = _description.Modalities[m].Dimension;
                    available[(cell * descriptors.Length) + m] = true;
                    Descriptor.Unpack(descriptor, _descriptors[m].Take((cell + 1) * dimension).Slice(cell * dimension, dimension));
                }
            }
        }
    }

    private OrtValue[] Inputs(int segments, int rows)
    {
        long[] shape = [segments, rows];
        var inputs = new OrtValue[_descriptors.Length + 4];
        for (var m = 0; m < _descriptors.Length; m++)
        {
            inputs[m] = _descriptors[m].Tensor([segments, rows, _description.Modalities[m].Dimension]);
        }

        inputs[^4] = _available.Tensor([segments, rows, _descriptors.Length]);
        inputs[^3] = _speaker.Tensor(shape);
        inputs[^2] = _present.Tensor(shape);
        inputs[^1] = _lookAhead.Tensor([]);
        return inputs;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Bundle} is not calibrated for {Sets}: probabilities of utterances that bring just these are as the model gives them")]
    private static partial void LogUncalibrated(ILogger logger, string bundle, string sets);
}
