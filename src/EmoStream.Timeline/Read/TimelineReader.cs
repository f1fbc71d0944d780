using EmoStream.Contracts.Timeline;
using StackExchange.Redis;

namespace EmoStream.Timeline.Read;

/// <summary>The reading side: current view, resumable feed, list of conversations.</summary>
public sealed class TimelineReader(IConnectionMultiplexer redis)
{
    /// <summary>The current view; null when the conversation is unknown.</summary>
    public Task<ConversationTimeline?> ReadAsync(string conversationId) => throw new NotImplementedException($"{redis}");

    /// <summary>
    /// Entries changed after <paramref name="afterChange"/> in order of change, then live ones as they are committed.
    /// The feed is log-compacted: of an entry that changed twice meanwhile only the latest state is seen.
    /// </summary>
    public IAsyncEnumerable<TimelineEntry> FollowAsync(string conversationId, long afterChange, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Conversations by last activity, latest first.</summary>
    public Task<IReadOnlyList<ConversationSummary>> ListAsync(int offset, int limit) => throw new NotImplementedException();
}

/// <summary>A conversation's timeline as it stands.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="Change">Latest change number: the token to follow from.</param>
/// <param name="Entries">In order of arrival, retracted ones included.</param>
/// <param name="Speakers">Aggregates per speaker.</param>
public sealed record ConversationTimeline(string ConversationId, long Change, IReadOnlyList<TimelineEntry> Entries, IReadOnlyList<SpeakerAggregate> Speakers);

/// <summary>A line in the list of conversations.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="LastActivity">When it last changed.</param>
/// <param name="Utterances">Number of entries.</param>
public sealed record ConversationSummary(string ConversationId, DateTimeOffset LastActivity, long Utterances);
