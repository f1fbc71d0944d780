using EmoStream.Contracts.Inference;
using EmoStream.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Scoring;
using Microsoft.Extensions.Options;
using Microsoft.ML.OnnxRuntime;

namespace EmoStream.Cli.Doctor;

/// <summary>Whether the bundle is whole and scores, and how fast.</summary>
internal static class BundleChecks
{
    private const string Check = "bundle";
    private const int Repeats = 20;

    public static IEnumerable<Finding> Run(string directory)
    {
        const string Remedy = "Name a bundle with --bundle DIR or EmoStream__Bundle, or get the shipped one again.";
        ModelBundle bundle;
        try
        {
            bundle = ModelBundle.Load(directory);
        }
        catch (Exception e) when (e is BundleException or IOException or UnauthorizedAccessException)
        {
            return [Finding.Bad(Check, e.Message, Remedy)];
        }

        var intact = Finding.Good(Check, $"{bundle.Id}: {bundle.Manifest.Files.Count} files, hashes right");
        try
        {
            return [intact, Score(bundle)];
        }
        catch (Exception e) when (e is BundleException or OnnxRuntimeException or InvalidOperationException)
        {
            return [intact, Finding.Bad("scoring", e.Message, Remedy)];
        }
    }

    private static Finding Score(ModelBundle bundle)
    {
        var clock = TimeProvider.System;
        var started = clock.GetTimestamp();
        using var scorer = new OnnxScorer(bundle, Options.Create(new InferenceOptions()));
        var model = scorer.Description;
        if (!model.Modalities.Any(m => m is { Name: Contracts.Modality.Text, HasEncoder: true }))
        {
            return Finding.Good("scoring", "the bundle encodes no text: not measured");
        }

        var rows = Enumerable.Range(0, model.Window + 1)
            .Select(i => new ContextRow { Speaker = i % 2, Input = new RowInput { Text = "I did not expect that, but it is good news." } })
            .ToArray();
        scorer.Score([new ScoreRequest { Rows = rows, Scored = [rows.Length - 1] }]);
        var warm = clock.GetElapsedTime(started);

        // As in a running conversation: the context is encoded already, one row is new.
        var descriptors = scorer.Score([new ScoreRequest { Rows = rows, Scored = [] }])[0].Descriptors;
        for (var i = 0; i < rows.Length - 1; i++)
        {
            rows[i] = new ContextRow { Speaker = rows[i].Speaker, Descriptors = descriptors[i] };
        }

        started = clock.GetTimestamp();
        for (var i = 0; i < Repeats; i++)
        {
            scorer.Score([new ScoreRequest { Rows = rows, Scored = [rows.Length - 1] }]);
        }

        var each = clock.GetElapsedTime(started) / Repeats;
        return Finding.Good("scoring", FormattableString.Invariant($"warm after {warm.TotalMilliseconds:F0} ms, {each.TotalMilliseconds:F1} ms per utterance"));
    }
}
