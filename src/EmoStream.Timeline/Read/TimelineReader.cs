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
