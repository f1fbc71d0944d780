using EmoStream.Contracts.Timeline;

namespace EmoStream.Cli.Watch;

/// <summary>What a follower knows of one conversation: the latest state of every entry, in order of arrival.</summary>
internal sealed class TimelineModel
{
    private readonly SortedDictionary<long, TimelineEntry> _bySequence = [];

    /// <summary>In order of arrival, retracted ones included.</summary>
    public IReadOnlyCollection<TimelineEntry> Entries => _bySequence.Values;

    /// <summary>Takes a change; false when a later state of the entry is known already.</summary>
    public bool Apply(TimelineEntry entry)
    {
        if (_bySequence.TryGetValue(entry.Sequence, out var known) && known.Change >= entry.Change)
        {
            return false;
        }

        _bySequence[entry.Sequence] = entry;
        return true;
    }
}
