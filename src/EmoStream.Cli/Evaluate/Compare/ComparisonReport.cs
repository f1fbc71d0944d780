using System.Text.Json;
using EmoStream.Cli.Evaluate.Report;
using EmoStream.Cli.Input;

namespace EmoStream.Cli.Evaluate.Compare;

/// <summary>What <c>emostream evaluate --compare A B --json</c> prints.</summary>
/// <param name="A"><c>name@version</c> of the first bundle.</param>
/// <param name="B"><c>name@version</c> of the second bundle.</param>
/// <param name="Conversations">Conversations of the file.</param>
/// <param name="Differences">B minus A.</param>
internal sealed record ComparisonReport(string A, string B, int Conversations, Differences Differences)
{
    /// <exception cref="InputException">The bundles do not tell the same labels apart, or score nothing in common.</exception>
    public static ComparisonReport From(Evaluation a, Evaluation b)
    {
        var whole = PairedMeasures.Of(a.Whole, b.Whole, a.Model.Labels.Length)
            ?? throw new InputException("--compare: the bundles score no labelled utterance in common");
        // Rates mean the same only where the same modalities can go missing.
        var sameModalities = a.Keys.Order().SequenceEqual(b.Keys.Order());
        return new(a.Model.Bundle, b.Model.Bundle, a.Corpus.Dialogues.Count, new()
        {
            Whole = whole,
            Subsets = Pair(a.Subsets.ToDictionary(x => a.Keys[x.Key], x => x.Value), b.Subsets.ToDictionary(x => b.Keys[x.Key], x => x.Value), a.Model.Labels.Length),
            Missing = !sameModalities ? new Dictionary<string, PairedMeasures>() : Pair(
                a.Missing.ToDictionary(x => EvaluationReport.NameOf(x.Key), x => x.Value),
                b.Missing.ToDictionary(x => EvaluationReport.NameOf(x.Key), x => x.Value),
                a.Model.Labels.Length),
        });
    }

    public void WriteJson(TextWriter output) => output.WriteLine(JsonSerializer.Serialize(this, EvaluateJson.Default.ComparisonReport));

    private static Dictionary<string, PairedMeasures> Pair(Dictionary<string, IReadOnlyList<Prediction>> a, Dictionary<string, IReadOnlyList<Prediction>> b, int labels)
        => a.Where(way => b.ContainsKey(way.Key))
            .Select(way => (way.Key, Paired: PairedMeasures.Of(way.Value, b[way.Key], labels)))
            .Where(way => way.Paired is not null)
            .ToDictionary(way => way.Key, way => way.Paired!);
}

/// <summary>Differences of the file as it is, and by what is there.</summary>
internal sealed record Differences
{
    /// <summary>The file as it is.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public PairedMeasures Whole { get; init; } = null!;

    public int Utterances => Whole.Utterances;
    public Difference WeightedF1 => Whole.WeightedF1;
    public Difference MacroF1 => Whole.MacroF1;
    public Difference Accuracy => Whole.Accuracy;
    public Difference Nll => Whole.Nll;
    public Difference Brier => Whole.Brier;
    public Difference Ece => Whole.Ece;
    public Difference? Coverage => Whole.Coverage;
    public Agreement Agreement => Whole.Agreement;

    /// <summary>By set of modalities that both bundles take.</summary>
    public required IReadOnlyDictionary<string, PairedMeasures> Subsets { get; init; }

    /// <summary>By missing rate; empty unless both bundles take the same modalities.</summary>
    public required IReadOnlyDictionary<string, PairedMeasures> Missing { get; init; }
}
