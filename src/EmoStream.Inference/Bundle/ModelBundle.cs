using System.Text.Json;
using EmoStream.Contracts.Inference;

namespace EmoStream.Inference.Bundle;

/// <summary>A bundle directory whose manifest was read and whose file hashes were checked.</summary>
public sealed class ModelBundle
{
    private readonly ModelDescription? _description;

    private ModelBundle(string directory, BundleManifest manifest)
    {
        (Directory, Manifest) = (directory, manifest);
        _description = manifest.Context is not { } context ? null : new()
        {
            Bundle = Id,
            Labels = manifest.Labels,
            Modalities = [.. manifest.Modalities.Select(m => new ModelModality(m.Name, m.FeatureSpace, m.Dimension, m.Encoder is not null))],
            Window = context.Window,
            LookAhead = context.LookAhead,
            Coverage = manifest.Calibration?.Conformal?.Coverage ?? 0,
        };
    }

    public string Directory { get; }

    public BundleManifest Manifest { get; }

    /// <summary><c>name@version</c>.</summary>
    public string Id => $"{Manifest.Name}@{Manifest.Version}";

    /// <summary>What a conversation must know of the model.</summary>
    /// <exception cref="BundleException">The bundle has no context model.</exception>
    public ModelDescription Description
        => _description ?? throw new BundleException($"{BundleManifest.FileName}: context: expected a context model: {Id} can encode but not score.");

    /// <summary>Reads manifest.json, checks every rule and every hash.</summary>
    /// <exception cref="BundleException">Says which file or manifest member is wrong, and how.</exception>
    public static ModelBundle Load(string directory)
    {
        var root = Path.GetFullPath(directory);
        var path = Path.Combine(root, BundleManifest.FileName);
        if (!File.Exists(path))
        {
            throw new BundleException($"{path}: no such file: expected a model bundle, a directory with a {BundleManifest.FileName}.");
        }

        var manifest = Read(path);
        ManifestRules.Check(manifest);
        BundleFiles.Check(root, manifest);
        return new(root, manifest);
    }

    /// <summary>Full path of a file that the manifest lists.</summary>
    public string PathOf(string file) => BundleFiles.Resolve(Directory, file);

    private static BundleManifest Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), BundleJson.Default.BundleManifest)
                ?? throw new BundleException($"{BundleManifest.FileName}: expected a JSON object, found null.");
        }
        catch (JsonException e)
        {
            throw new BundleException($"{BundleManifest.FileName}: {e.Message}", e);
        }
    }
}
