using System.Diagnostics.Metrics;
using EmoStream.Contracts.Events;
using EmoStream.Timeline.Commit;

namespace EmoStream.Silo;

/// <summary>What the conversations of this silo do, as meter <c>EmoStream.Silo</c>; never an id in a tag.</summary>
internal sealed class SiloMetrics
{
    private readonly Counter<long> _events;
    private readonly Histogram<int> _batch;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _unscorable;

    public SiloMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("EmoStream.Silo");
        _events = meter.CreateCounter<long>("emostream.conversation.events", "{event}", "Events that reached a conversation.");
        _refused = meter.CreateCounter<long>("emostream.conversation.commits.refused", "{commit}", "Commits that Redis refused.");
        _unscorable = meter.CreateCounter<long>("emostream.conversation.unscorable", "{utterance}", "Utterances that the model could not score.");
        _batch = meter.CreateHistogram(
            "emostream.conversation.batch.size",
            "{event}",
            "Events that one commit covers.",
            advice: new InstrumentAdvice<int> { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] });
    }

    /// <summary>Redis refused a commit; <c>Diverged</c> means that it lost writes it had acknowledged, or that a second writer is at work.</summary>
    public void Refused(CommitResult result) => _refused.Add(1, new KeyValuePair<string, object?>("emostream.commit.refused", result));

    public void Unscorable(int utterances) => _unscorable.Add(utterances);

    /// <summary>A batch was committed.</summary>
    public void Batch(EventCounts events)
    {
        var all = 0;
        foreach (var (kind, isNew, count) in events)
        {
            _events.Add(count, new("emostream.event.kind", kind), new("emostream.event.duplicate", !isNew));
            all += count;
        }

        _batch.Record(all);
    }
}

/// <summary>The events of one batch by kind and by whether they were new: a measurement for each would cost more than taking it.</summary>
internal sealed class EventCounts
{
    private readonly int[] _counts = new int[2 * ((int)UtteranceKind.End + 1)];

    public void Add(UtteranceKind kind, bool isNew) => _counts[(2 * (int)kind) + (isNew ? 1 : 0)]++;

    public IEnumerator<(UtteranceKind Kind, bool IsNew, int Count)> GetEnumerator()
    {
        for (var i = 0; i < _counts.Length; i++)
        {
            if (_counts[i] > 0) yield return ((UtteranceKind)(i / 2), i % 2 == 1, _counts[i]);
        }
    }
}
