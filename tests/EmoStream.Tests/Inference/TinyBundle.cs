using System.Text.Json;
using System.Text.Json.Nodes;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Inference;
using EmoStream.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Scoring;

namespace EmoStream.Tests.Inference;

/// <summary>The bundle that Assets/make_tiny_bundle.py made, and what it must answer.</summary>
internal static class TinyBundle
{
    // Loaded models keep their files open for as long as the process lives: all copies go at its end.
    private static readonly Lazy<string> Copies = new(() =>
    {
        var root = System.IO.Directory.CreateTempSubdirectory("emostream-bundles-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => System.IO.Directory.Delete(root, recursive: true);
        return root;
    });

    public static string Directory { get; } = Path.Combine(AppContext.BaseDirectory, "Inference", "Assets", "tiny-bundle");

    public static TinyExpected Expected { get; } = JsonSerializer.Deserialize<TinyExpected>(
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Inference", "Assets", "tiny-expected.json")), JsonSerializerOptions.Web)!;

    public static InferenceOptions Options() => new() { Bundle = Directory, ExecutionProvider = ExecutionProviderChoice.Cpu, Threads = 1 };

    public static OnnxScorer Open(string? directory = null)
        => new(ModelBundle.Load(directory ?? Directory), Microsoft.Extensions.Options.Options.Create(Options()));

    /// <summary>The conversation of the expectations, every row new.</summary>
    public static ContextRow[] Rows() => [.. Expected.Rows.Select(row => Row(row.Speaker, row.Text, row.Audio))];

    public static ContextRow Row(int speaker, string? text, float[]? audio = null) => new()
    {
        Speaker = speaker,
        Input = new() { Text = text, Audio = audio is null ? null : new() { Features = new FeatureVector("audio/tiny@1", audio) } },
    };

    public static ScoreRequest Whole(ContextRow[] rows) => new() { Rows = rows, Scored = [.. Enumerable.Range(0, rows.Length)] };

    /// <summary>A copy whose graph has the served outputs alone, as bundles had before there were others.</summary>
    public static string CopyServedOnly()
    {
        var graph = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Inference", "Assets", "tiny-context-served-only.onnx"));
        var copy = Copy(manifest => manifest["files"]!["context.onnx"] = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(graph)));
        File.WriteAllBytes(Path.Combine(copy, "context.onnx"), graph);
        return copy;
    }

    /// <summary>A copy of the bundle, or of another one, with its manifest changed.</summary>
    public static string Copy(Action<JsonObject>? change = null, string? from = null)
    {
        var copy = System.IO.Directory.CreateDirectory(Path.Combine(Copies.Value, Guid.NewGuid().ToString("N"))).FullName;
        foreach (var file in System.IO.Directory.GetFiles(from ?? Directory))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        var manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(copy, "manifest.json")))!.AsObject();
        change?.Invoke(manifest);
        File.WriteAllText(Path.Combine(copy, "manifest.json"), manifest.ToJsonString());
        return copy;
    }
}

internal sealed record TinyExpected(Dictionary<string, int[]> Tokens, TinyRow[] Rows, TinyScore[] Scores);

internal sealed record TinyRow(int Speaker, string? Text, float[]? Audio, float[]? TextDescriptor);

internal sealed record TinyScore(float[] Probabilities, float[] Weights, int[]? PredictionSet, float[][] Heads, float[][] Joint);
