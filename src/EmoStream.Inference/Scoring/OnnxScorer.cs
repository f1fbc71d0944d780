using System.Buffers;
using EmoStream.Contracts;
using EmoStream.Contracts.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Encoding;
using EmoStream.Inference.Sessions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace EmoStream.Inference.Scoring;

/// <summary>
/// Scores with the bundle's ONNX models; used by one thread at a time.
/// <code>
/// requests ─► 1 validate ─► 2 encode the new rows of all requests ─► 3 cut into segments of the window
///          ─► 4 run the context model over groups of equal length, calibrate ─► replies
/// </code>
/// </summary>
public sealed class OnnxScorer : IScorer, IDisposable
{
    // 2,048 rows of 768 floats are 6 MB per modality.
    private static readonly PaddedGroups Groups = new(MaxCells: 2048, RunCost: 32, MaxWaste: 0.25);

    private readonly string[] _modalities;
    private readonly TextEncoder? _encoder;
    private readonly ContextModel _context;
    private readonly List<string> _texts = [];
    private readonly List<(byte[]?[] Row, int Modality)> _targets = [];
    private readonly List<Segment> _segments = [];

    /// <exception cref="BundleException">The bundle's models are not what its manifest says.</exception>
    public OnnxScorer(ModelBundle bundle, IOptions<InferenceOptions> options, InferenceMetrics? metrics = null, ILogger<OnnxScorer>? logger = null)
    {
        metrics ??= new InferenceMetrics();
        ILogger log = logger ?? NullLogger<OnnxScorer>.Instance;
        Description = bundle.Description;
        _modalities = [.. Description.Modalities.Select(modality => modality.Name)];
        _encoder = Description.Modalities.Any(modality => modality.HasEncoder) ? new(bundle, options.Value, metrics, log) : null;
        try
        {
            _context = new(bundle, options.Value, metrics, log);
        }
        catch
        {
            _encoder?.Dispose();
            throw;
        }
    }

    /// <inheritdoc />
    public ModelDescription Description { get; }

    /// <inheritdoc />
    public ScoreReply[] Score(IReadOnlyList<ScoreRequest> batch) => Score(batch, diagnoses: null);

    /// <summary>Scores as serving does, and reads the graph's diagnostic outputs beside.</summary>
    /// <param name="batch">The requests.</param>
    /// <param name="diagnoses">One per score of each request, in their order; their members are null where the graph lacks the output.</param>
    public ScoreReply[] Diagnose(IReadOnlyList<ScoreRequest> batch, out Diagnosis[][] diagnoses)
    {
        diagnoses = [.. batch.Select(request => new Diagnosis[request.Scored.Length])];
        return Score(batch, diagnoses);
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _encoder?.Dispose();
        _context.Dispose();
    }

    private ScoreReply[] Score(IReadOnlyList<ScoreRequest> batch, Diagnosis[][]? diagnoses)
    {
        // 1. Validate
        foreach (var request in batch)
        {
            if (ScoreRequestValidator.Validate(request, Description) is { } problem)
            {
                throw new InvalidOperationException($"The request does not fit the model: {problem}.");
            }
        }

        // 2. Encode
        var encoded = Encode(batch);

        // 3. Cut
        _segments.Clear();
        var scores = new Score[batch.Count][];
        for (var i = 0; i < batch.Count; i++)
        {
            scores[i] = new Score[batch[i].Scored.Length];
            Segment.Split(batch[i], i, Description, _segments);
        }

        // 4. Run
        RunContext(batch, encoded, scores, diagnoses);

        var replies = new ScoreReply[batch.Count];
        for (var i = 0; i < replies.Length; i++)
        {
            replies[i] = new() { Bundle = Description.Bundle, Descriptors = encoded[i], Scores = scores[i] };
        }

        return replies;
    }

    private byte[]?[]?[][] Encode(IReadOnlyList<ScoreRequest> batch)
    {
        _texts.Clear();
        _targets.Clear();
        var encoded = new byte[]?[]?[batch.Count][];
        for (var i = 0; i < batch.Count; i++)
        {
            var rows = batch[i].Rows;
            encoded[i] = new byte[]?[]?[rows.Length];
            for (var r = 0; r < rows.Length; r++)
            {
                if (rows[r].Descriptors is null)
                {
                    encoded[i][r] = Collect(rows[r].Input!);
                }
            }
        }

        if (_texts.Count > 0)
        {
            var descriptors = _encoder!.Encode(_texts);
            for (var i = 0; i < descriptors.Length; i++)
            {
                _targets[i].Row[_targets[i].Modality] = descriptors[i];
            }
        }

        return encoded;
    }

    /// <summary>The row's descriptors: features at once, text once the whole batch is encoded.</summary>
    private byte[]?[] Collect(RowInput input)
    {
        var descriptors = new byte[]?[_modalities.Length];
        for (var m = 0; m < _modalities.Length; m++)
        {
            if (_modalities[m] != Modality.Text)
            {
                descriptors[m] = ScoreRequestValidator.InputOf(input, _modalities[m])?.Features is { } features ? Descriptor.Pack(features.Values) : null;
            }
            else if (input.Text is { } text)
            {
                _texts.Add(text);
                _targets.Add((descriptors, m));
            }
        }

        return descriptors;
    }

    private void RunContext(IReadOnlyList<ScoreRequest> batch, byte[]?[]?[][] encoded, Score[][] scores, Diagnosis[][]? diagnoses)
    {
        _segments.Sort(static (a, b) => a.Rows.CompareTo(b.Rows));
        var segments = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_segments);
        var lengths = ArrayPool<int>.Shared.Rent(segments.Length);
        for (var s = 0; s < segments.Length; s++)
        {
            lengths[s] = segments[s].Rows;
        }

        for (var start = 0; start < segments.Length;)
        {
            var end = Groups.NextEnd(lengths.AsSpan(0, segments.Length), start);
            _context.Run(segments[start..end], lengths[end - 1], batch, encoded, scores, diagnoses);
            start = end;
        }

        ArrayPool<int>.Shared.Return(lengths);
    }
}
