using System.Globalization;
using EmoStream.Contracts.Timeline;
using EmoStream.Timeline.Commit;

namespace EmoStream.IntegrationTests.Timeline;

/// <summary>
/// Plays the grain for one conversation: numbers utterances, changes and offsets as the real one does and remembers what
/// must be on the timeline.
/// </summary>
internal sealed class Conversation(TimelineStore store, string? id = null)
{
    public const string Source = "topic-id/3";

    private readonly Dictionary<string, TimelineEntry> _entries = new(StringComparer.Ordinal);
    private long _epoch;
    private long _offset;

    public string Id { get; } = id ?? $"conversation {Guid.NewGuid():N}";

    public long Change { get; private set; }

    /// <summary>Latest state of every entry, in order of arrival.</summary>
    public IEnumerable<TimelineEntry> Entries => _entries.Values.OrderBy(entry => entry.Sequence);

    /// <summary>Latest state of every entry, in order of change.</summary>
    public IEnumerable<TimelineEntry> Feed => _entries.Values.OrderBy(entry => entry.Change);

    public async Task<ConversationState> OpenAsync()
    {
        var state = await store.OpenAsync(Id);
        _epoch = state.Epoch;
        return state;
    }

    /// <summary>A commit that adds or changes the given utterances; not sent yet.</summary>
    public TimelineCommit Prepare(params IEnumerable<string> utteranceIds)
    {
        var change = Change;
        var sequence = _entries.Count;
        var entries = utteranceIds.Select(utteranceId =>
        {
            var known = _entries.GetValueOrDefault(utteranceId);
            change++;
            return new TimelineEntry
            {
                ConversationId = Id,
                UtteranceId = utteranceId,
                Change = change,
                Revision = known is null ? 0 : known.Revision + 1,
                Sequence = known?.Sequence ?? sequence++,
                SpeakerId = "s1",
                Status = known is null ? EntryStatus.Final : EntryStatus.Revised,
                Text = string.Create(CultureInfo.InvariantCulture, $"Says something the {change}th time. Für immer, 永遠に 🙂"),
                Label = "joy",
                Confidence = 1f / change,
            };
        }).ToArray();
        return new TimelineCommit
        {
            Epoch = _epoch,
            PreviousChange = Change,
            Change = change,
            Source = Source,
            Offset = _offset + entries.Length,
            Entries = entries,
            Grain = BitConverter.GetBytes(change),
        };
    }

    public async Task<CommitResult> SendAsync(TimelineCommit commit, string? fence = null)
    {
        var result = await store.CommitAsync(Id, commit, fence);
        if (result is CommitResult.Committed or CommitResult.AlreadyCommitted)
        {
            Change = commit.Change;
            _offset = commit.Offset;
            foreach (var entry in commit.Entries)
            {
                _entries[entry.UtteranceId] = entry;
            }
        }

        return result;
    }

    /// <summary>Goes on in a new activation after a commit whose outcome this one never learned, but which now stands.</summary>
    public async Task<Conversation> ResumeAsync(TimelineStore onStore, TimelineCommit standing)
    {
        var next = new Conversation(onStore, Id) { Change = standing.Change, _offset = standing.Offset };
        foreach (var entry in Entries.Concat(standing.Entries))
        {
            next._entries[entry.UtteranceId] = entry;
        }

        await next.OpenAsync();
        return next;
    }

    /// <summary>Adds or changes utterances and requires that it worked.</summary>
    public async Task<TimelineCommit> CommitAsync(params IEnumerable<string> utteranceIds)
    {
        var commit = Prepare(utteranceIds);
        Assert.Equal(CommitResult.Committed, await SendAsync(commit));
        return commit;
    }
}
