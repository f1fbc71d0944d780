using System.Text.Encodings.Web;
using System.Text.Json;
using EmoStream.Cli.Input;
using EmoStream.Contracts;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Inference;

namespace EmoStream.Cli.Evaluate;

/// <summary>What a file and its options must satisfy for one model: nothing that a line brings is dropped in silence.</summary>
internal static class LineRules
{
    private const int LabelWidth = 40;

    private static readonly HashSet<string> Everything = [.. Modality.All];

    /// <summary>Checks the option <c>--features</c> against the models, before anything is read.</summary>
    /// <exception cref="InputException">No model takes the named vectors, or one takes others.</exception>
    public static void CheckSpaces(IReadOnlyDictionary<string, string> spaces, params IReadOnlyCollection<ModelDescription> models)
    {
        foreach (var (name, space) in spaces)
        {
            var takers = models.Select(model => (model.Bundle, Modality: Array.Find(model.Modalities, m => m.Name == name))).Where(taker => taker.Modality is not null).ToList();
            if (takers.Count == 0)
            {
                throw new InputException($"--features {name}={space}: {string.Join(" and ", models.Select(model => $"{model.Bundle} takes no {name}, only {string.Join(", ", model.Modalities.Select(m => m.Name))}"))}");
            }

            foreach (var (bundle, modality) in takers.Where(taker => taker.Modality!.FeatureSpace != space))
            {
                throw new InputException($"--features {name}={space}: {bundle} takes {name} of the space {modality!.FeatureSpace}");
            }
        }
    }

    /// <summary>Checks that two models tell the same labels apart; their order may differ.</summary>
    /// <exception cref="InputException">They do not.</exception>
    public static void CheckLabels(ModelDescription a, ModelDescription b)
    {
        if (!a.Labels.ToHashSet().SetEquals(b.Labels))
        {
            throw new InputException($"--compare: {a.Bundle} tells {string.Join(", ", a.Labels)} apart, {b.Bundle} {string.Join(", ", b.Labels)}: expected the same labels");
        }
    }

    /// <summary>Checks one line.</summary>
    /// <exception cref="InputException">The model cannot take what the line brings; names file and line.</exception>
    public static void Check(string path, InputLine line, ModelDescription model)
    {
        if (line.Label is { } label && !model.Labels.Contains(label))
        {
            // Useful to whoever owns the file: as JSON writes it, and no more than a label can be.
            throw new InputException($"{path} line {line.Number}: unknown label '{Readable.Cut(JsonEncodedText.Encode(label, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).ToString(), LabelWidth)}'; the bundle knows {string.Join(", ", model.Labels)}.");
        }

        // A vector of the text stands for the text: nothing is encoded.
        var e = line.TextFeatures is null ? line.Event! : line.Event! with { Text = null };
        var error = UtteranceEventValidator.ValidateForModel(e, Everything, model) ?? TextFeatures(line, model);
        if (error is not null)
        {
            throw new InputException($"{path} line {line.Number}: {error}{Remedy(error)}");
        }
    }

    private static string? TextFeatures(InputLine line, ModelDescription model)
    {
        if (line.TextFeatures is not { } features || Array.Find(model.Modalities, m => m.Name == Modality.Text) is not { } modality)
        {
            return null;
        }

        if (features.Values.Length != modality.Dimension)
        {
            return $"wrong-vector-length: features.text, expected {modality.Dimension}, got {features.Values.Length}";
        }

        // NaN compares false, so this finds it too.
        var bad = Array.FindIndex(features.Values, v => !(Math.Abs(v) <= UtteranceEventValidator.MaxFeature));
        return bad < 0 ? null : $"out-of-range: features.text[{bad}] does not fit float16";
    }

    private static string Remedy(string error)
        => error.StartsWith("no-encoder: text", StringComparison.Ordinal) ? "; bring features.text and name their space with --features text=SPACE" : "";
}
