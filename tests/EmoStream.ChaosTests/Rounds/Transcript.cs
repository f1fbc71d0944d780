using EmoStream.Contracts.Events;
using EmoStream.Contracts.Inference;
using EmoStream.Contracts.Timeline;
using EmoStream.Testing.Inference;

namespace EmoStream.ChaosTests.Rounds;

/// <summary>
/// What a run that nothing disturbs comes to: every conversation as its events leave it, scored as a whole. The null score of
/// an utterance depends on the 16 last texts and their order, so one that is missing, doubled or out of place shows in all
/// that follow.
/// </summary>
internal sealed class Transcript
{
    private static readonly NullScorer Scorer = new();

    private readonly Dictionary<string, List<Line>> _conversations = [];

    /// <summary>Takes an event; in the order of Kafka. Revisions and retractions concern the latest 16 utterances.</summary>
    public void Sent(UtteranceEvent e)
    {
        if (!_conversations.TryGetValue(e.ConversationId, out var lines)) _conversations.Add(e.ConversationId, lines = []);
        var known = lines.FindLastIndex(line => line.UtteranceId == e.UtteranceId);
        switch (e.Kind)
        {
            case UtteranceKind.Utterance when known < 0:
                lines.Add(new(e.UtteranceId, e.Text));
                break;
            case UtteranceKind.Revision when lines[known].Text is not null:
                lines[known] = new(e.UtteranceId, e.Text);
                break;
            case UtteranceKind.Retraction:
                lines[known] = new(e.UtteranceId, null);
                break;
            default:
                break; // sent before
        }
    }

    /// <summary>The label and the probabilities of every utterance that was not retracted.</summary>
    public IEnumerable<TimelineEntry> Scored(string conversationId)
    {
        var lines = _conversations[conversationId];
        var request = new ScoreRequest
        {
            Rows = [.. lines.Select(line => line.Text is { } text
                ? new ContextRow { Speaker = 0, Input = new() { Text = text } }
                : new ContextRow { Speaker = 0, Descriptors = [null] })],
            Scored = [.. Enumerable.Range(0, lines.Count).Where(i => lines[i].Text is not null)],
        };
        var (labels, scores) = (Scorer.Description.Labels, Scorer.Score([request])[0].Scores);
        for (var i = 0; i < scores.Length; i++)
        {
            var p = scores[i].Probabilities;
            yield return new()
            {
                ConversationId = conversationId,
                UtteranceId = lines[request.Scored[i]].UtteranceId,
                Label = labels[Array.IndexOf(p, p.Max())],
                Probabilities = labels.Zip(p).ToDictionary(pair => pair.First, pair => pair.Second),
            };
        }
    }

    /// <summary>An utterance; no text: retracted.</summary>
    private sealed record Line(string UtteranceId, string? Text);
}
