using EmoStream.Contracts.Events;
using EmoStream.Contracts.Timeline;

namespace EmoStream.Testing.Ledger;

/// <summary>
/// The witness of exactly-once: records every event in the order it was sent, works out what each timeline must hold,
/// and finds what was lost, doubled, reordered, invented or scored otherwise.
/// </summary>
public sealed class DeliveryLedger
{
    private readonly Dictionary<string, Conversation> _conversations = [];
    private readonly Dictionary<UtteranceKey, TimelineEntry> _scores = [];

    /// <summary>The conversations that have at least one event.</summary>
    public IReadOnlyCollection<string> Conversations => _conversations.Keys;

    /// <summary>Number of entries that the timelines must hold together, retracted ones included.</summary>
    public int Entries => _conversations.Values.Sum(conversation => conversation.Expected.Count);

    /// <summary>Records an event that was sent; call it in the order of the conversation.</summary>
    public void Sent(UtteranceEvent sent)
    {
        if (!_conversations.TryGetValue(sent.ConversationId, out var conversation))
        {
            _conversations.Add(sent.ConversationId, conversation = new Conversation());
        }

        conversation.Apply(sent);
    }

    /// <summary>Records the scores that the entries must have: those of a run that nothing disturbed, or of the evaluation.</summary>
    public void Expect(IEnumerable<TimelineEntry> scored)
    {
        foreach (var entry in scored)
        {
            _scores[new(entry.ConversationId, entry.UtteranceId)] = entry;
        }
    }

    /// <summary>Holds the timelines against the record.</summary>
    /// <param name="timelines">As read from Redis; a conversation that is missing has lost everything.</param>
    /// <param name="among">The conversations to look at; null: all that were sent.</param>
    public DeliveryReport Compare(IEnumerable<ConversationTimeline> timelines, IEnumerable<string>? among = null)
    {
        var report = new DeliveryReport();
        var found = timelines.ToDictionary(timeline => timeline.ConversationId);
        foreach (var id in among ?? _conversations.Keys)
        {
            if (_conversations.TryGetValue(id, out var conversation)) Compare(id, conversation, found.GetValueOrDefault(id), report);
        }

        report.Extra.AddRange(found.Values
            .Where(timeline => !_conversations.ContainsKey(timeline.ConversationId))
            .SelectMany(timeline => timeline.Entries, (timeline, entry) => new UtteranceKey(timeline.ConversationId, entry.UtteranceId)));
        return report;
    }

    private void Compare(string id, Conversation conversation, ConversationTimeline? timeline, DeliveryReport report)
    {
        var entries = timeline?.Entries ?? [];
        var seen = new Dictionary<string, TimelineEntry>();
        var sequences = new HashSet<long>();
        var changes = new HashSet<long>();
        foreach (var entry in entries)
        {
            var key = new UtteranceKey(id, entry.UtteranceId);
            if (!conversation.Expected.ContainsKey(entry.UtteranceId))
            {
                report.Extra.Add(key);
            }

            // One place, one change number per entry: a shared one means that two runs wrote over each other.
            if (!seen.TryAdd(entry.UtteranceId, entry) | !sequences.Add(entry.Sequence) | !changes.Add(entry.Change))
            {
                report.Doubled.Add(key);
            }
        }

        foreach (var (utteranceId, expected) in conversation.Expected)
        {
            var key = new UtteranceKey(id, utteranceId);
            if (!seen.TryGetValue(utteranceId, out var entry))
            {
                report.Lost.Add(key);
            }
            else if (Difference(expected, entry, _scores.GetValueOrDefault(key)) is { } difference)
            {
                report.Wrong.Add((key, difference));
            }
        }

        CompareOrder(id, conversation, seen, report);
        if (timeline is not null) CompareSpeakers(id, conversation, timeline.Speakers, report);
        if (timeline is not null && timeline.Change > conversation.MostChanges)
        {
            report.Doubled.Add(new(id, $"{timeline.Change} changes where {conversation.MostChanges} are explained"));
        }
    }

    /// <summary>Aggregates add up, so an event that was applied twice shows in them even where its entry was only written over.</summary>
    private void CompareSpeakers(string id, Conversation conversation, IReadOnlyList<SpeakerAggregate> speakers, DeliveryReport report)
    {
        var expected = conversation.Expected.Where(e => e.Value is { Retracted: false, SpeakerId: not "" }).ToLookup(e => e.Value.SpeakerId);
        var found = speakers.ToDictionary(speaker => speaker.SpeakerId);
        foreach (var speakerId in expected.Select(said => said.Key).Union(found.Keys))
        {
            var speaker = found.GetValueOrDefault(speakerId) ?? new() { SpeakerId = speakerId };
            var (utterances, ms) = (expected[speakerId].Count(), expected[speakerId].Sum(e => e.Value.Ms));
            if ((speaker.Utterances, speaker.SpeakingMs) != (utterances, ms))
            {
                report.Wrong.Add((new(id, speakerId), $"counts {speaker.Utterances} utterances of {speaker.SpeakingMs} ms instead of {utterances} of {ms} ms"));
            }
            else if (!SameLabels(speaker, [.. expected[speakerId].Select(e => _scores.GetValueOrDefault(new(id, e.Key))?.Label)]))
            {
                report.Wrong.Add((new(id, speakerId), "counts other labels"));
            }
        }
    }

    /// <summary>Unless some of the scores are not known.</summary>
    private static bool SameLabels(SpeakerAggregate speaker, string?[] labels) =>
        labels.Contains(null)
        || labels.CountBy(label => label!).ToHashSet().SetEquals(speaker.Labels.Where(label => label.Value != 0));

    /// <summary>By place on the timeline, an entry is out of order when one that was sent later comes before it.</summary>
    private static void CompareOrder(string id, Conversation conversation, Dictionary<string, TimelineEntry> seen, DeliveryReport report)
    {
        var latest = -1;
        foreach (var entry in seen.Values.Where(entry => conversation.Expected.ContainsKey(entry.UtteranceId)).OrderBy(entry => entry.Sequence))
        {
            var sentAt = conversation.Expected[entry.UtteranceId].Position;
            if (sentAt < latest)
            {
                report.Reordered.Add(new(id, entry.UtteranceId));
            }

            latest = Math.Max(latest, sentAt);
        }
    }

    private static string? Difference(Expectation expected, TimelineEntry entry, TimelineEntry? scored)
    {
        if (expected.Retracted)
        {
            return entry is { Status: EntryStatus.Retracted, Text: null, Label: null } ? null : $"retracted by the source, but {entry.Status}";
        }

        return entry.Status is EntryStatus.Provisional or EntryStatus.Retracted ? $"is {entry.Status}"
            : entry.Text is not null && entry.Text != (expected.Text ?? "") ? "has the text of another version"
            : scored is null ? null
            : entry.Label != scored.Label ? "has another label"
            : !SameProbabilities(entry, scored) ? "has other probabilities"
            : null;
    }

    private static bool SameProbabilities(TimelineEntry entry, TimelineEntry scored) =>
        entry.Probabilities.Count == scored.Probabilities.Count
        && scored.Probabilities.All(pair => entry.Probabilities.TryGetValue(pair.Key, out var value) && MathF.Abs(value - pair.Value) <= 1e-5f);

    /// <summary>What one conversation's events add up to.</summary>
    private sealed class Conversation
    {
        public Dictionary<string, Expectation> Expected { get; } = [];

        /// <summary>
        /// An upper bound: batching may merge changes of one entry into one. A revision or retraction changes its entry and may
        /// change those behind it. Without them, and without look-ahead, it is exact, so that any entry written a second time shows.
        /// </summary>
        public long MostChanges { get; private set; }

        public void Apply(UtteranceEvent sent)
        {
            var known = Expected.GetValueOrDefault(sent.UtteranceId);
            switch (sent.Kind)
            {
                case UtteranceKind.Utterance or UtteranceKind.Revision when known is null:
                    Expected.Add(sent.UtteranceId, new Expectation(Expected.Count, sent.Text, Retracted: false, sent.Speaker?.Id ?? "", (sent.EndMs - sent.StartMs) ?? 0));
                    MostChanges++;
                    break;
                case UtteranceKind.Revision when known is { Retracted: false }:
                    Expected[sent.UtteranceId] = known with { Text = sent.Text, SpeakerId = sent.Speaker?.Id ?? "", Ms = (sent.EndMs - sent.StartMs) ?? 0 };
                    MostChanges += Expected.Count - known.Position;
                    break;
                case UtteranceKind.Retraction when known is { Retracted: false }:
                    Expected[sent.UtteranceId] = known with { Text = null, Retracted = true };
                    MostChanges += Expected.Count - known.Position;
                    break;
                default:
                    break;
            }
        }
    }

    private sealed record Expectation(int Position, string? Text, bool Retracted, string SpeakerId, long Ms);
}
