using System.Text.Json;
using EmoStream.Cli.Evaluate.Measure;

namespace EmoStream.Cli.Evaluate.Report;

/// <summary>
/// What <c>emostream evaluate --json</c> prints; figures are shares of 1. Names of sets of modalities are joined with
/// <c>+</c> in the order text, audio, face, body.
/// </summary>
internal sealed record EvaluationReport
{
    /// <summary><c>name@version</c>.</summary>
    public required string Bundle { get; init; }
    public required int Conversations { get; init; }

    /// <summary>Annotated utterances that bring a modality of the bundle: what every figure of the file as it is counts.</summary>
    public required int Utterances { get; init; }

    /// <summary>Scored as context, but without an annotation to compare with.</summary>
    public required int Unlabelled { get; init; }

    /// <summary>Annotated, but without any modality that the bundle takes: not scored, in no figure.</summary>
    public required int Unscorable { get; init; }

    /// <summary>Lines that bring an utterance again: left out, as when serving.</summary>
    public required int Repeated { get; init; }

    /// <summary>Scored utterances by what they bring.</summary>
    public required IReadOnlyDictionary<string, int> Availability { get; init; }

    /// <summary>Modalities of the bundle that no utterance of the file brings.</summary>
    public required IReadOnlyList<string> Absent { get; init; }
    public required double WeightedF1 { get; init; }
    public required double MacroF1 { get; init; }
    public required double Accuracy { get; init; }
    public required IReadOnlyDictionary<string, ClassScores> PerClass { get; init; }
    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>Rows are annotations, columns predictions, in the order of <see cref="Labels"/>.</summary>
    public required int[][] Confusion { get; init; }
    public required CalibrationReport Calibration { get; init; }

    /// <summary>Coverage that the bundle's sets promise; null when it offers none.</summary>
    public required double? NominalCoverage { get; init; }

    /// <summary>Null for less than two dialogues, here and everywhere.</summary>
    public required Intervals? Intervals { get; init; }

    /// <summary>The file as it is, scored before any later utterance was known; null when the bundle does not look ahead.</summary>
    public required Measures? Provisional { get; init; }

    /// <summary>By set of modalities: utterances that bring all of it, the others' modalities removed, too.</summary>
    public required IReadOnlyDictionary<string, Measures> Subsets { get; init; }

    /// <summary>By missing rate; empty when the file brings one modality.</summary>
    public required IReadOnlyDictionary<string, Measures> Missing { get; init; }

    /// <summary>By utterances of the conversation.</summary>
    public required IReadOnlyList<Bucket> ByLength { get; init; }

    /// <summary>By speakers of the conversation.</summary>
    public required IReadOnlyList<Bucket> BySpeakers { get; init; }

    /// <summary>By place in the conversation, from 1.</summary>
    public required IReadOnlyList<Bucket> ByPosition { get; init; }

    /// <summary>Null when the file brings one modality.</summary>
    public required FusionReport? Fusion { get; init; }

    /// <summary>By <c>query>target</c>; null when the file brings one modality or the graph gives no joint vectors.</summary>
    public required IReadOnlyDictionary<string, RetrievalReport>? Retrieval { get; init; }

    public static EvaluationReport From(Evaluation evaluation)
    {
        var (corpus, labels, whole, keys) = (evaluation.Corpus, evaluation.Model.Labels, evaluation.Whole, evaluation.Keys);
        string[] names = [.. evaluation.Model.Modalities.Select(modality => modality.Name)];
        var annotated = whole.Where(prediction => prediction.Row.Label >= 0).ToList();
        var measures = Measures.Of(annotated, labels.Length);
        var classes = ClassificationReport.From(labels, [.. annotated.Select(prediction => (prediction.Row.Label, prediction.Label))]);
        return new()
        {
            Bundle = evaluation.Model.Bundle,
            Conversations = corpus.Dialogues.Count,
            Utterances = annotated.Count,
            Unlabelled = whole.Count - annotated.Count,
            Unscorable = corpus.Rows.Count(row => row is { Label: >= 0, Available: 0 }),
            Repeated = corpus.Dialogues.Sum(dialogue => dialogue.Repeated),
            Availability = whole.GroupBy(prediction => prediction.Available).OrderBy(group => group.Key).ToDictionary(group => keys[group.Key], group => group.Count()),
            Absent = [.. names.Where((_, m) => (corpus.Brought & (1 << m)) == 0)],
            WeightedF1 = measures.WeightedF1,
            MacroF1 = measures.MacroF1,
            Accuracy = measures.Accuracy,
            PerClass = classes.PerClass,
            Labels = labels,
            Confusion = classes.Confusion,
            Calibration = measures.Calibration,
            NominalCoverage = evaluation.Model.Coverage > 0 ? Math.Round(evaluation.Model.Coverage, 6) : null,
            Intervals = measures.Intervals,
            Provisional = evaluation.Provisional is { } provisional ? Measures.Of(provisional, labels.Length) : null,
            Subsets = evaluation.Subsets.ToDictionary(subset => keys[subset.Key], subset => Measures.Of(subset.Value, labels.Length)),
            Missing = evaluation.Missing.ToDictionary(rate => NameOf(rate.Key), rate => Measures.Of(rate.Value, labels.Length)),
            ByLength = Bucket.Of(annotated, labels.Length, Bucket.Rows, prediction => corpus.Dialogues[prediction.Dialogue].Rows.Count),
            BySpeakers = Bucket.Of(annotated, labels.Length, Bucket.Speakers, prediction => corpus.Dialogues[prediction.Dialogue].Speakers),
            ByPosition = Bucket.Of(annotated, labels.Length, Bucket.Rows, prediction => prediction.Position + 1),
            Fusion = int.PopCount(corpus.Brought) > 1 ? FusionOf(evaluation, names, annotated) : null,
            Retrieval = int.PopCount(corpus.Brought) > 1 ? RetrievalReport.From(names, whole) : null,
        };
    }

    /// <summary>A missing rate as the JSON's key.</summary>
    public static string NameOf(double rate) => rate.ToString("0.0", System.Globalization.CultureInfo.InvariantCulture);

    public void WriteJson(TextWriter output) => output.WriteLine(JsonSerializer.Serialize(this, EvaluateJson.Default.EvaluationReport));

    private static FusionReport FusionOf(Evaluation evaluation, string[] names, IEnumerable<Prediction> annotated)
    {
        var brought = evaluation.Corpus.Brought;
        return FusionReport.From(
            names,
            brought,
            [.. annotated.Where(prediction => prediction.Available == brought)],
            [.. evaluation.Subsets.Where(subset => subset.Key != brought).SelectMany(subset => subset.Value).Where(prediction => prediction.Row.Available == brought)]);
    }
}
