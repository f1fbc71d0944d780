using EmoStream.Contracts.Inference;
using EmoStream.Inference.Scoring;

namespace EmoStream.Cli.Evaluate;

/// <summary>Scores a corpus with the scorer that serves, with any modalities taken away.</summary>
/// <param name="scorer">The model.</param>
/// <param name="corpus">What to score, encoded.</param>
/// <param name="scored">Called with the number of rows just gone through, wanted or not: every pass adds up to the whole corpus.</param>
/// <param name="cancellationToken">Stops between two batches.</param>
internal sealed class Evaluator(OnnxScorer scorer, Corpus corpus, Action<int> scored, CancellationToken cancellationToken)
{
    private readonly int _total = corpus.Rows.Count();

    // How many rows of the corpus come before each dialogue.
    private readonly int[] _starts = Starts(corpus.Dialogues);

    /// <summary>Scores as the stream leaves a conversation at its end.</summary>
    /// <param name="keep">What is left of a row, as a mask; rows of the context are cut alike.</param>
    /// <param name="counts">Which rows are wanted; those that are left with nothing never are.</param>
    /// <param name="diagnose">Whether to read the graph's diagnostic outputs.</param>
    public List<Prediction> Final(Func<Row, int> keep, Func<Row, bool> counts, bool diagnose = false) => Score(keep, diagnose, dialogue =>
    {
        var rows = corpus.Dialogues[dialogue].Rows;
        return Enumerable.Range(0, rows.Count)
            .Where(i => (keep(rows[i]) & rows[i].Available) != 0 && counts(rows[i]))
            // By place and not by number: few wanted rows would make one part of a long conversation, and attention is quadratic.
            .GroupBy(i => i / Corpus.RowsPerBatch)
            .Select(wanted => Cut(dialogue, [.. wanted], corpus.Model.LookAhead, keep));
    });

    /// <summary>Scores every utterance as the stream does when it has just arrived: the window before it, nothing after.</summary>
    public List<Prediction> Provisional() => Score(row => row.Available, diagnose: false, dialogue =>
    {
        var rows = corpus.Dialogues[dialogue].Rows;
        return Enumerable.Range(0, rows.Count).Where(i => rows[i].Available != 0).Select(i => Cut(dialogue, [i], lookAhead: 0, row => row.Available));
    });

    /// <summary>A pass that need not be made.</summary>
    public void Skip() => scored(_total);

    private List<Prediction> Score(Func<Row, int> keep, bool diagnose, Func<int, IEnumerable<Part>> parts)
    {
        var predictions = new List<Prediction>();
        var done = 0;
        foreach (var batch in Batches(Enumerable.Range(0, corpus.Dialogues.Count).SelectMany(parts)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Score(batch, keep, diagnose, predictions);
            var reached = _starts[batch[^1].Dialogue] + batch[^1].Last + 1;
            scored(reached - done);
            done = reached;
        }

        scored(_total - done);

        return predictions;
    }

    private void Score(Part[] parts, Func<Row, int> keep, bool diagnose, List<Prediction> predictions)
    {
        var requests = Array.ConvertAll(parts, part => part.Request);
        Diagnosis[][]? diagnoses = null;
        var replies = diagnose ? scorer.Diagnose(requests, out diagnoses) : scorer.Score(requests);
        for (var p = 0; p < parts.Length; p++)
        {
            for (var i = 0; i < requests[p].Scored.Length; i++)
            {
                var position = parts[p].Start + requests[p].Scored[i];
                var row = corpus.Dialogues[parts[p].Dialogue].Rows[position];
                predictions.Add(new(parts[p].Dialogue, position, row, row.Available & keep(row), replies[p].Scores[i], diagnoses?[p][i]));
            }
        }
    }

    /// <summary>The rows that the wanted ones depend on: a long conversation is scored in parts, and can be stopped between them.</summary>
    private Part Cut(int dialogue, int[] wanted, int lookAhead, Func<Row, int> keep)
    {
        var rows = corpus.Dialogues[dialogue].Rows;
        var (start, end) = (Math.Max(0, wanted[0] - corpus.Model.Window), Math.Min(rows.Count, wanted[^1] + lookAhead + 1));
        return new(dialogue, start, new() { Rows = [.. rows.Take(start..end).Select(row => row.Keep(keep(row)))], Scored = Array.ConvertAll(wanted, i => i - start) });
    }

    private static int[] Starts(IReadOnlyList<Dialogue> dialogues)
    {
        var starts = new int[dialogues.Count];
        for (var i = 1; i < starts.Length; i++)
        {
            starts[i] = starts[i - 1] + dialogues[i - 1].Rows.Count;
        }

        return starts;
    }

    private static IEnumerable<Part[]> Batches(IEnumerable<Part> parts)
    {
        var (batch, rows) = (new List<Part>(), 0);
        foreach (var part in parts)
        {
            batch.Add(part);
            rows += part.Last - part.First + 1;
            if (rows >= Corpus.RowsPerBatch)
            {
                yield return [.. batch];
                batch.Clear();
                rows = 0;
            }
        }

        if (batch.Count > 0)
        {
            yield return [.. batch];
        }
    }

    /// <summary>Rows of a dialogue, from one on, that are scored together.</summary>
    private readonly record struct Part(int Dialogue, int Start, ScoreRequest Request)
    {
        /// <summary>Position of the first wanted row.</summary>
        public int First => Start + Request.Scored[0];

        /// <summary>Position of the last wanted row.</summary>
        public int Last => Start + Request.Scored[^1];
    }
}

/// <summary>What the model says of one row.</summary>
/// <param name="Dialogue">Index of the conversation in the corpus.</param>
/// <param name="Position">Index of the row in its conversation.</param>
/// <param name="Row">The row.</param>
/// <param name="Available">The modalities it was scored with, as a mask.</param>
/// <param name="Score">As served.</param>
/// <param name="Diagnosis">Where it was asked for.</param>
internal sealed record Prediction(int Dialogue, int Position, Row Row, int Available, Score Score, Diagnosis? Diagnosis)
{
    /// <summary>The most probable label.</summary>
    public int Label { get; } = Array.IndexOf(Score.Probabilities, Score.Probabilities.Max());

    /// <summary>Its probability.</summary>
    public float Confidence => Score.Probabilities[Label];

    public bool IsRight => Label == Row.Label;
}
