using System.Text.RegularExpressions;
using EmoStream.Contracts;

namespace EmoStream.Inference.Bundle;

/// <summary>What a manifest must satisfy beyond its JSON shape, before any file is opened.</summary>
internal static partial class ManifestRules
{
    public const int MaxWindow = 512;
    private const int MaxDimension = 65_536;
    private const int MaxTokens = 8_192;

    public static void Check(BundleManifest manifest)
    {
        Require(NamePattern().IsMatch(manifest.Name), "name", "1 to 64 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit", manifest.Name);
        Require(VersionPattern().IsMatch(manifest.Version), "version", "a semantic version such as 1.0.0", manifest.Version);
        Require(!string.IsNullOrWhiteSpace(manifest.License), "license", "a licence name", manifest.License);
        CheckLabels(manifest.Labels);
        CheckModalities(manifest);
        CheckContext(manifest);
        CheckCalibration(manifest);
        foreach (var (file, hash) in manifest.Files)
        {
            Require(HashPattern().IsMatch(hash), $"files[\"{file}\"]", "a SHA-256 in 64 hex digits", hash);
        }
    }

    private static void CheckLabels(string[] labels)
    {
        Require(labels.Length >= 2, "labels", "at least two labels", labels.Length);
        for (var i = 0; i < labels.Length; i++)
        {
            Require(!string.IsNullOrWhiteSpace(labels[i]) && labels[i].Trim().Length == labels[i].Length, $"labels[{i}]", "a name without blanks around it", labels[i]);
            Require(Array.IndexOf(labels, labels[i]) == i, $"labels[{i}]", "a label that was not listed before", labels[i]);
        }
    }

    private static void CheckModalities(BundleManifest manifest)
    {
        var modalities = manifest.Modalities;
        Require(modalities.Length >= 1, "modalities", "at least one modality", modalities.Length);
        for (var i = 0; i < modalities.Length; i++)
        {
            var (modality, at) = (modalities[i], $"modalities[{i}]");
            Require(Modality.All.Contains(modality.Name), $"{at}.name", $"one of {string.Join(", ", Modality.All)}", modality.Name);
            Require(Array.FindIndex(modalities, other => other.Name == modality.Name) == i, $"{at}.name", "a modality that was not listed before", modality.Name);
            Require(FeatureSpacePattern().IsMatch(modality.FeatureSpace), $"{at}.featureSpace", "name@version, such as audio/speech-embedding@1", modality.FeatureSpace);
            Require(Array.FindIndex(modalities, other => other.FeatureSpace == modality.FeatureSpace) == i, $"{at}.featureSpace", "a space that was not listed before", modality.FeatureSpace);
            Require(modality.Dimension is > 0 and <= MaxDimension, $"{at}.dimension", $"1 to {MaxDimension}", modality.Dimension);
            if (modality.Encoder is { } encoder)
            {
                Require(modality.Name == Modality.Text, $"{at}.encoder", "no encoder: raw input is encoded for text only", encoder.Model);
                CheckEncoder(manifest, encoder, $"{at}.encoder");
            }
        }
    }

    private static void CheckEncoder(BundleManifest manifest, BundleEncoder encoder, string at)
    {
        string[] tokenizers = [BundleEncoder.WordPiece, BundleEncoder.Bpe, BundleEncoder.SentencePiece];
        Require(tokenizers.Contains(encoder.Tokenizer), $"{at}.tokenizer", $"one of {string.Join(", ", tokenizers)}", encoder.Tokenizer);
        Require(encoder.MaxTokens is >= 3 and <= MaxTokens, $"{at}.maxTokens", $"3 to {MaxTokens}", encoder.MaxTokens);
        RequireListed(manifest, encoder.Model, $"{at}.model");
        RequireListed(manifest, encoder.Vocabulary, $"{at}.vocabulary");
        RequireOnly(BundleEncoder.WordPiece, encoder, encoder.Lowercase, $"{at}.lowercase");
        RequireOnly(BundleEncoder.Bpe, encoder, encoder.PrefixSpace, $"{at}.prefixSpace");
        RequireOnly(BundleEncoder.Bpe, encoder, encoder.Merges, $"{at}.merges");
        RequireOnly(BundleEncoder.SentencePiece, encoder, encoder.Ids, $"{at}.ids");
        if (encoder.Tokenizer == BundleEncoder.Bpe)
        {
            RequireListed(manifest, encoder.Merges ?? "", $"{at}.merges");
        }

        if (encoder.Tokenizer == BundleEncoder.SentencePiece)
        {
            var ids = encoder.Ids;
            Require(ids is { First: >= 0, Last: >= 0, Unknown: >= 0, Offset: >= 0 }, $"{at}.ids", "first, last, unknown and offset, none below 0", ids?.ToString() ?? "");
        }
    }

    private static void RequireOnly(string tokenizer, BundleEncoder encoder, object? member, string at)
        => Require(member is null || encoder.Tokenizer == tokenizer, at, $"nothing: it belongs to {tokenizer}, and the tokenizer is {encoder.Tokenizer}", member ?? "");

    private static void CheckContext(BundleManifest manifest)
    {
        if (manifest.Context is { } context)
        {
            RequireListed(manifest, context.Model, "context.model");
            Require(context.Window is >= 0 and <= MaxWindow, "context.window", $"0 to {MaxWindow}", context.Window);
            Require(context.LookAhead is >= 0 and <= MaxWindow, "context.lookAhead", $"0 to {MaxWindow}", context.LookAhead);
        }
    }

    private static void CheckCalibration(BundleManifest manifest)
    {
        if (manifest.Calibration is not { } calibration)
        {
            return;
        }

        var sets = AvailabilityKey.All([.. manifest.Modalities.Select(m => m.Name)]).Skip(1).ToHashSet();
        foreach (var (set, temperature) in calibration.Temperatures)
        {
            Require(sets.Contains(set), $"calibration.temperatures[\"{set}\"]", $"one of {string.Join(", ", sets)}", set);
            Require(float.IsFinite(temperature) && temperature > 0, $"calibration.temperatures[\"{set}\"]", "a positive number", temperature);
        }

        if (calibration.Conformal is { } conformal)
        {
            Require(conformal.Coverage is > 0 and < 1, "calibration.conformal.coverage", "more than 0 and less than 1", conformal.Coverage);
            foreach (var (set, threshold) in conformal.Thresholds)
            {
                Require(sets.Contains(set), $"calibration.conformal.thresholds[\"{set}\"]", $"one of {string.Join(", ", sets)}", set);
                Require(threshold is >= 0 and <= 1, $"calibration.conformal.thresholds[\"{set}\"]", "0 to 1", threshold);
            }
        }
    }

    private static void RequireListed(BundleManifest manifest, string file, string member)
        => Require(manifest.Files.ContainsKey(file), member, "a file that \"files\" lists with its hash", file);

    private static void Require(bool holds, string member, string expected, object found)
    {
        if (!holds)
        {
            throw new BundleException(FormattableString.Invariant($"{BundleManifest.FileName}: {member}: expected {expected}, found '{found}'."));
        }
    }

    [GeneratedRegex(@"^[a-z0-9][a-z0-9._-]{0,63}\z")]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?\z")]
    private static partial Regex VersionPattern();

    [GeneratedRegex(@"^[a-z0-9][a-z0-9._/-]*@[0-9A-Za-z][0-9A-Za-z.-]*\z")]
    private static partial Regex FeatureSpacePattern();

    [GeneratedRegex(@"^[0-9A-Fa-f]{64}\z")]
    private static partial Regex HashPattern();
}
