using System.Text.Json.Nodes;
using EmoStream.Contracts;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Inference;
using EmoStream.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Scoring;
using Microsoft.Extensions.Options;

namespace EmoStream.Testing.Inference;

/// <summary>
/// The bundle that Assets/make_fusion_bundle.py made: text, audio and face through a small context model with every part
/// on (two layers, cross-attention, speaker normalisation, recovery, QAF).
/// </summary>
public static class FusionBundle
{
    // Loaded models keep their files open for as long as the process lives: all copies go at its end.
    private static readonly Lazy<string> Copies = new(() =>
    {
        var root = System.IO.Directory.CreateTempSubdirectory("emostream-fusion-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => System.IO.Directory.Delete(root, recursive: true);
        return root;
    });

    // One per look-ahead: only the manifest differs.
    private static readonly Lazy<OnnxScorer>[] Scorers = [.. Enumerable.Range(0, 4).Select(lookAhead => new Lazy<OnnxScorer>(() => new(
        ModelBundle.Load(Directory(lookAhead)),
        Options.Create(new InferenceOptions { ExecutionProvider = ExecutionProviderChoice.Cpu, Threads = 1 }))))];

    // Of the tiny encoder's vocabulary.
    private static readonly string[] Texts = ["We are late again!", "ok", "unhappy café $", "why is it not done today , they are good", "fine"];

    /// <summary>A directory with the bundle, with that look-ahead.</summary>
    public static string Directory(int lookAhead)
    {
        var copy = System.IO.Directory.CreateDirectory(Path.Combine(Copies.Value, $"{lookAhead}-{Guid.NewGuid():N}")).FullName;
        foreach (var file in System.IO.Directory.GetFiles(Checkout.At("tests", "EmoStream.Tests", "Inference", "Assets", "fusion-bundle")))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        var manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(copy, BundleManifest.FileName)))!;
        manifest["context"]!["lookAhead"] = lookAhead;
        File.WriteAllText(Path.Combine(copy, BundleManifest.FileName), manifest.ToJsonString());
        return copy;
    }

    /// <summary>The scorer with that look-ahead. Used by one thread at a time: tests that share it are one collection.</summary>
    public static OnnxScorer Scorer(int lookAhead) => Scorers[lookAhead].Value;

    /// <summary>A random utterance that brings the modalities of a mask: 1 text, 2 audio, 4 face.</summary>
    public static UtteranceEvent Utterance(Random random, string id, int mask) => new()
    {
        ConversationId = "c",
        UtteranceId = id,
        Speaker = new($"s{random.Next(3)}"),
        Text = (mask & 1) == 0 ? null : Texts[random.Next(Texts.Length)],
        Audio = (mask & 2) == 0 ? null : Vector(random, "audio/fusion@1", 15, 30),
        Face = (mask & 4) == 0 ? null : Vector(random, "face/fusion@1", 7, 2),
    };

    /// <summary>The rows of utterances as they stand; those without a modality, or null, keep their place.</summary>
    public static ScoreRequest Whole(IReadOnlyList<UtteranceEvent> utterances)
    {
        var rows = utterances.Select(e => new ContextRow
        {
            Speaker = e.Speaker!.Id[1],
            Input = Has(e) ? new() { Text = e.Text, Audio = e.Audio, Face = e.Face } : null,
            Descriptors = Has(e) ? null : new byte[]?[3],
        });
        return new() { Rows = [.. rows], Scored = [.. Enumerable.Range(0, utterances.Count).Where(i => Has(utterances[i]))] };
    }

    /// <summary>Whether the utterance brings anything.</summary>
    public static bool Has(UtteranceEvent e) => e is not { Text: null, Audio: null, Face: null };

    /// <summary>Random utterances whose modalities are always the same (mask above 0) or come and go (mask 0).</summary>
    public static UtteranceEvent[] Conversation(int rows, int mask, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, rows).Select(i => Utterance(random, $"u{i}", mask == 0 ? random.Next(8) : mask))];
    }

    /// <summary>Modalities of an utterance in the model's order.</summary>
    public static List<string> Brings(UtteranceEvent e) =>
        [.. new[] { (Modality.Text, e.Text is not null), (Modality.Audio, e.Audio is not null), (Modality.Face, e.Face is not null) }.Where(m => m.Item2).Select(m => m.Item1)];

    private static ModalityInput Vector(Random random, string space, int length, float scale) =>
        new() { Features = new(space, [.. Enumerable.Range(0, length).Select(_ => ((random.NextSingle() * 2) - 1) * scale)]) };
}
