using EmoStream.Contracts.Inference;
using EmoStream.Inference.Bundle;

namespace EmoStream.Cli.Evaluate;

/// <summary>
/// All that is scored of a corpus: 1 as it is, 2 provisionally, 3 with every subset of its modalities, 4 at every
/// missing rate. A way that takes nothing away is not scored again.
/// </summary>
internal sealed class Evaluation
{
    private Evaluation(Corpus corpus) => Corpus = corpus;

    public Corpus Corpus { get; }

    public ModelDescription Model => Corpus.Model;

    /// <summary>Every utterance that brings something, with everything it brings; with diagnoses.</summary>
    public required IReadOnlyList<Prediction> Whole { get; init; }

    /// <summary>Scored before any later utterance was known; null when the model does not look ahead.</summary>
    public required IReadOnlyList<Prediction>? Provisional { get; init; }

    /// <summary>By mask over the model's modalities: the annotated utterances that bring all of them, with them alone in the whole conversation.</summary>
    public required IReadOnlyDictionary<int, IReadOnlyList<Prediction>> Subsets { get; init; }

    /// <summary>By rate of <see cref="RandomMissing"/>; empty when the file brings one modality, which is never dropped.</summary>
    public required IReadOnlyDictionary<double, IReadOnlyList<Prediction>> Missing { get; init; }

    /// <summary>Names of sets of modalities by mask, such as <c>text+audio</c>.</summary>
    public string[] Keys => field ??= AvailabilityKey.All([.. Model.Modalities.Select(modality => modality.Name)]);

    /// <summary>How often a corpus is gone through, encoding included, or could be; progress counts in rows times this.</summary>
    public static int PassesOver(ModelDescription model)
        => 2 + (model.LookAhead > 0 ? 1 : 0) + (1 << model.Modalities.Length) - 1 + RandomMissing.Rates.Count;

    /// <summary>Scores everything.</summary>
    public static Evaluation Of(Corpus corpus, Evaluator evaluator)
    {
        var several = int.PopCount(corpus.Brought) > 1;
        var whole = evaluator.Final(row => row.Available, _ => true, diagnose: several);
        var provisional = corpus.Model.LookAhead > 0 ? evaluator.Provisional() : null;

        // A way that takes nothing away gives what is known.
        IReadOnlyList<Prediction> Score(Func<Row, int> keep, Func<Row, bool> counts, bool diagnose)
        {
            if (corpus.Rows.Any(row => (row.Available & ~keep(row)) != 0))
            {
                return evaluator.Final(keep, counts, diagnose);
            }

            evaluator.Skip();
            return [.. whole.Where(prediction => counts(prediction.Row))];
        }

        var subsets = new SortedDictionary<int, IReadOnlyList<Prediction>>(Comparer<int>.Create(static (a, b) => (int.PopCount(a), a).CompareTo((int.PopCount(b), b))));
        for (var mask = 1; mask < 1 << corpus.Model.Modalities.Length; mask++)
        {
            var subset = mask;
            if (corpus.Rows.Any(row => IsCounted(row, subset)))
            {
                subsets.Add(subset, Score(_ => subset, row => IsCounted(row, subset), several));
            }
            else
            {
                evaluator.Skip();
            }
        }

        var missing = new SortedDictionary<double, IReadOnlyList<Prediction>>();
        var masks = new RandomMissing([.. corpus.Model.Modalities.Select(modality => modality.Name)]);
        foreach (var rate in RandomMissing.Rates)
        {
            if (several)
            {
                missing.Add(rate, Score(row => masks.Keep(row.Line.Event!.ConversationId, row.Line.Event.UtteranceId, row.Available, rate), row => row.Label >= 0, diagnose: false));
            }
            else
            {
                evaluator.Skip();
            }
        }

        return new(corpus) { Whole = whole, Provisional = provisional, Subsets = subsets, Missing = missing };
    }

    private static bool IsCounted(Row row, int subset) => row.Label >= 0 && (row.Available & subset) == subset;
}
