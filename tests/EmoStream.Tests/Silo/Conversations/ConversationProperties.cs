using CsCheck;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Timeline;
using static EmoStream.Tests.Silo.Conversations.ConversationHarness;

namespace EmoStream.Tests.Silo.Conversations;

public sealed class ConversationProperties
{
    /// <summary>
    /// However the same events are cut into batches, sent twice and interrupted by crashes: the same timeline. A window of
    /// 0 is a model that judges every utterance on its own.
    /// </summary>
    [Theory]
    [InlineData(3, 0)]
    [InlineData(3, 2)]
    [InlineData(0, 0)]
    [InlineData(0, 1)]
    public void AnyBatching_AnyCrash_GivesTheSameTimeline(int window, int lookAhead) =>
        Gen.Select(Gen.Int[0, 9].Array[1, 40], Gen.Int[1, 6].Array[40], Gen.Bool.Array[40], Gen.Bool.Array[40]).Sample((actions, sizes, crashes, repeats) =>
        {
            var events = Events(actions);
            var whole = new ConversationHarness(window, lookAhead);
            whole.Send(events);

            var pieces = new ConversationHarness(window, lookAhead);
            for (int at = 0, batch = 0; at < events.Length; batch++)
            {
                var piece = events[at..Math.Min(events.Length, at + sizes[batch])];
                pieces.Send(piece);
                if (crashes[batch]) pieces.Restart();
                if (repeats[batch]) pieces.Send(piece);
                at += piece.Length;
            }

            return Same(whole, pieces) && Recounts(pieces);
        }, iter: 1000, seed: "0N0XIzNsQ0O2");

    /// <summary>Utterances by three speakers; revisions and retractions of recent and of old ones; an end.</summary>
    private static (long, UtteranceEvent)[] Events(int[] actions)
    {
        var (events, said) = (new List<(long, UtteranceEvent)>(), 0);
        foreach (var action in actions)
        {
            var target = $"u{Math.Max(0, said - 1 - events.Count * 7 % 15)}";
            events.Add((events.Count, action switch
            {
                7 or 8 when said > 0 => Revised(target, $"revised {action % 2}", $"s{action % 3}"),
                9 when said > 0 => Retracted(target),
                _ => Said($"u{said++}", $"text {events.Count}", $"s{action % 3}"),
            }));
        }

        events.Add((events.Count, End()));
        return [.. events];
    }

    private static bool Same(ConversationHarness a, ConversationHarness b) =>
        a.Entries.Count == b.Entries.Count && a.Entries.All(p => Equivalent(p.Value, b.Entries[p.Key]));

    private static bool Equivalent(TimelineEntry a, TimelineEntry b) =>
        (a.UtteranceId, a.Sequence, a.SpeakerId, a.Text, a.Label, a.Confidence) == (b.UtteranceId, b.Sequence, b.SpeakerId, b.Text, b.Label, b.Confidence)
        && a.Probabilities.SequenceEqual(b.Probabilities)
        && (a.Status == EntryStatus.Retracted) == (b.Status == EntryStatus.Retracted)
        && b.Status != EntryStatus.Provisional;

    private static bool Recounts(ConversationHarness c) => c.Speakers.Values.All(s =>
    {
        var said = c.Entries.Values.Where(e => e.SpeakerId == s.SpeakerId && e.Status != EntryStatus.Retracted).ToList();
        return s.Utterances == said.Count && s.Labels.All(l => l.Value == said.Count(e => e.Label == l.Key));
    });
}
