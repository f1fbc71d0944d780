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
            rows += conversation.Turns.Count;
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
        // 1. Rows, and which of them bring something that the model takes.
        var requests = batch.ConvertAll(Request);

        // 2. Score.
        var replies = requests.Count == 0 ? [] : scorer.Score(requests);

        // 3. Labels.
        for (var c = 0; c < requests.Count; c++)
        {
            for (var i = 0; i < requests[c].Scored.Length; i++)
            {
                var probabilities = replies[c].Scores[i].Probabilities;
                yield return new Prediction(batch[c].Turns[requests[c].Scored[i]].Line, Array.IndexOf(probabilities, probabilities.Max()), probabilities);
            }
        }
    }

    private ScoreRequest Request(Conversation conversation)
    {
        var speakers = new Dictionary<string, int>();
        var rows = new ContextRow[conversation.Turns.Count];
        var scored = new List<int>();
        for (var i = 0; i < rows.Length; i++)
        {
            var e = conversation.Turns[i].Line.Event!;
            if (!speakers.TryGetValue(e.Speaker!.Id, out var speaker))
            {
                speakers.Add(e.Speaker.Id, speaker = speakers.Count);
            }

            // What brings nothing keeps its row, as in the stream: the distances of the others do not change.
            var isUsed = !conversation.Turns[i].IsRetracted && HasInput(e);
            rows[i] = isUsed
                ? new() { Speaker = speaker, Input = new() { Text = string.IsNullOrWhiteSpace(e.Text) ? null : e.Text, Audio = e.Audio, Face = e.Face, Body = e.Body } }
                : new() { Speaker = speaker, Descriptors = new byte[]?[scorer.Description.Modalities.Length] };
            if (isUsed)
            {
                scored.Add(i);
            }
        }

        return new() { Rows = rows, Scored = [.. scored] };
    }

    private bool HasInput(UtteranceEvent e)
        => scorer.Description.Modalities.Any(m => m.Name == Contracts.Modality.Text ? !string.IsNullOrWhiteSpace(e.Text) : e.Input(m.Name) is not null);
}

/// <summary>What the model says of one line.</summary>
internal readonly record struct Prediction(InputLine Line, int Label, float[] Probabilities);
