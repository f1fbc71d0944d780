using EmoStream.Contracts.Timeline;
using StackExchange.Redis;

namespace EmoStream.Timeline.Commit;

/// <summary>The writing side: opens a conversation with a new epoch and commits batches atomically.</summary>
public sealed class TimelineStore(IConnectionMultiplexer redis, TimeProvider timeProvider)
{
    /// <summary>Takes the conversation over: raises its epoch and returns all that is stored.</summary>
    public Task<ConversationState> OpenAsync(string conversationId) => throw new NotImplementedException($"{redis}{timeProvider}");

    /// <summary>Writes one batch or refuses it; see <see cref="CommitResult"/>.</summary>
    public Task<CommitResult> CommitAsync(string conversationId, TimelineCommit commit) => throw new NotImplementedException();

    /// <summary>Reads single entries, for revisions and retractions of utterances that left the window.</summary>
    public Task<TimelineEntry?> ReadEntryAsync(string conversationId, string utteranceId) => throw new NotImplementedException();
}
