using EmoStream.Cli.Input;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Inference;
using EmoStream.Inference.Scoring;

namespace EmoStream.Cli.Evaluate;

/// <summary>
/// Scores whole conversations with the scorer that serves, as the stream would leave them: 1 rows in order, revisions
/// and retractions applied, 2 one request per conversation, several at a time, 3 the most probable label of each.
/// </summary>
internal sealed class Evaluator(IScorer scorer)
{
    private const int RowsPerBatch = 256;

    /// <summary>Predicts every scorable utterance.</summary>
    /// <param name="conversations">The conversations.</param>
    /// <param name="scored">Called with the number of rows just scored.</param>
    /// <param name="cancellationToken">Stops between two batches.</param>
    public IEnumerable<Prediction> Predict(IEnumerable<Conversation> conversations, Action<int> scored, CancellationToken cancellationToken)
    {
        var batch = new List<Conversation>();
        var rows = 0;
        foreach (var conversation in conversations)
        {
            batch.Add(conversation);
            rows += conversation.Lines.Count;
            if (rows >= RowsPerBatch)
            {
                foreach (var prediction in Score(batch))
                {
                    yield return prediction;
                }

                scored(rows);
                batch.Clear();
                rows = 0;
                cancellationToken.ThrowIfCancellationRequested();
            }
        }

        foreach (var prediction in Score(batch))
        {
            yield return prediction;
        }

        scored(rows);
    }

    private IEnumerable<Prediction> Score(List<Conversation> batch)
    {
        // 1. Rows: what brings nothing that the model takes is no context for others either.
        var lines = batch.ConvertAll(conversation => conversation.Lines.Where(line => HasInput(line.Event!)).ToList());
        lines.RemoveAll(conversation => conversation.Count == 0);

        // 2. Score.
        var replies = lines.Count == 0 ? [] : scorer.Score(lines.ConvertAll(Request));

        // 3. Labels.
        for (var c = 0; c < lines.Count; c++)
        {
            for (var u = 0; u < lines[c].Count; u++)
            {
                var probabilities = replies[c].Scores[u].Probabilities;
                yield return new Prediction(lines[c][u], Array.IndexOf(probabilities, probabilities.Max()), probabilities);
            }
        }
    }

    private static ScoreRequest Request(List<InputLine> lines)
    {
        var speakers = new Dictionary<string, int>();
        var rows = new ContextRow[lines.Count];
        for (var i = 0; i < rows.Length; i++)
        {
            var e = lines[i].Event!;
            if (!speakers.TryGetValue(e.Speaker!.Id, out var speaker))
            {
                speakers.Add(e.Speaker.Id, speaker = speakers.Count);
            }

            rows[i] = new ContextRow
            {
                Speaker = speaker,
                Input = new RowInput { Text = string.IsNullOrWhiteSpace(e.Text) ? null : e.Text, Audio = e.Audio, Face = e.Face, Body = e.Body },
            };
        }

        return new ScoreRequest { Rows = rows, Scored = [.. Enumerable.Range(0, rows.Length)] };
    }

    private bool HasInput(UtteranceEvent e)
        => scorer.Description.Modalities.Any(m => m.Name == Contracts.Modality.Text ? !string.IsNullOrWhiteSpace(e.Text) : e.Input(m.Name) is not null);
}

/// <summary>What the model says of one line.</summary>
internal readonly record struct Prediction(InputLine Line, int Label, float[] Probabilities);
