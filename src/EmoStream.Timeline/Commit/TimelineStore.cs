using EmoStream.Contracts.Timeline;
using EmoStream.Timeline.Incarnation;
using StackExchange.Redis;

namespace EmoStream.Timeline.Commit;

/// <summary>
/// The writing side: opens a conversation with a new epoch and commits batches atomically. A commit whose outcome is
/// unknown (connection lost, timeout) may be sent again as it is.
/// </summary>
public sealed class TimelineStore(IConnectionMultiplexer redis, TimeProvider timeProvider, RedisIncarnation incarnation)
{
    private readonly IDatabase _database = redis.GetDatabase();

    /// <summary>A store that watches the connection by itself.</summary>
    public TimelineStore(IConnectionMultiplexer redis, TimeProvider timeProvider)
        : this(redis, timeProvider, new RedisIncarnation(redis, timeProvider))
    {
    }

    /// <summary>Takes the conversation over: raises its epoch and returns all that is stored.</summary>
    public async Task<ConversationState> OpenAsync(string conversationId) => (await OpenAsync(conversationId, fence: null))!;

    /// <summary>
    /// The same in one life of Redis: what is read there is what that life has, and nothing that only a former one had.
    /// </summary>
    /// <param name="conversationId">The conversation.</param>
    /// <param name="fence">The life; null: not asked.</param>
    /// <returns>Null when that is not the present life.</returns>
    public async Task<ConversationState?> OpenAsync(string conversationId, string? fence)
    {
        var keys = RedisKeys.Of(conversationId);
        var now = timeProvider.GetUtcNow().ToUnixTimeMilliseconds();
        if (await incarnation.EvaluateAsync(life => life.Open, keys.All, [now], fence) is not { } reply)
        {
            return null;
        }

        var state = OpenReply.Read((RedisResult[])reply!);
        if (state.UtteranceIds.Count > 0)
        {
            // A crash may have come between a commit and its line in the index; whoever redelivers opens first.
            await _database.SortedSetAddAsync(RedisKeys.Conversations, conversationId, now, When.NotExists);
        }

        return state;
    }

    /// <summary>Writes one batch or refuses it; see <see cref="CommitResult"/>.</summary>
    /// <param name="conversationId">The conversation.</param>
    /// <param name="commit">The batch.</param>
    /// <param name="fence">The life of Redis that the batch was read under; null: not asked.</param>
    public async Task<CommitResult> CommitAsync(string conversationId, TimelineCommit commit, string? fence = null)
    {
        CheckChangeNumbers(commit);
        var keys = RedisKeys.Of(conversationId);
        var arguments = CommitArguments.Of(commit, keys.Changes);
        using var span = TimelineTracing.StartCommit();
        var started = timeProvider.GetTimestamp();
        CommitResult result;
        try
        {
            // Both are on their way before the first answer: one round trip. The index lies in another slot of a cluster
            // and therefore outside the script.
            var committing = incarnation.EvaluateAsync(life => life.Commit, keys.All, arguments.Values, fence);
            var indexing = _database.SortedSetAddAsync(RedisKeys.Conversations, conversationId, timeProvider.GetUtcNow().ToUnixTimeMilliseconds());
            await Task.WhenAll(committing, indexing);
            result = await committing is { } reply ? (CommitResult)(int)reply : CommitResult.Fenced;
            arguments.Release();
        }
        catch
        {
            TimelineMetrics.Failed(timeProvider.GetElapsedTime(started));
            throw;
        }

        TimelineMetrics.Committed(timeProvider.GetElapsedTime(started), result, commit.Entries.Count);
        if (result == CommitResult.Stale && !await _database.KeyExistsAsync(keys.State))
        {
            // The conversation was erased under a late writer: its id must not come back into the list.
            await _database.SortedSetRemoveAsync(RedisKeys.Conversations, conversationId);
        }

        return result;
    }

    /// <summary>
    /// Reads single entries, for revisions and retractions and what is scored again because of them. Never from a replica:
    /// what is built on an entry that lags would be committed.
    /// </summary>
    /// <param name="conversationId">The conversation.</param>
    /// <param name="utteranceIds">Utterances on its timeline.</param>
    /// <exception cref="InvalidDataException">Redis has no entry of one of them (any longer).</exception>
    public async Task<TimelineEntry[]> ReadEntriesAsync(string conversationId, IReadOnlyList<string> utteranceIds)
    {
        var json = await _database.HashGetAsync(RedisKeys.Of(conversationId).Entries, [.. utteranceIds.Select(id => (RedisValue)id)], CommandFlags.DemandMaster);
        return Array.Exists(json, j => j.IsNull)
            ? throw new InvalidDataException("Redis holds no entry of an utterance that was committed.")
            : Array.ConvertAll(json, TimelineJson.ReadEntry);
    }

    /// <summary>Followers resume by change number: a gap or a repetition would lose entries for them.</summary>
    private static void CheckChangeNumbers(TimelineCommit commit)
    {
        var change = commit.PreviousChange;
        foreach (var entry in commit.Entries)
        {
            if (entry.Change != ++change)
            {
                throw new ArgumentException("The entries of a commit carry the change numbers after the previous one, without gaps.", nameof(commit));
            }
        }

        if (change != commit.Change)
        {
            throw new ArgumentException("The change number of a commit is that of its last entry.", nameof(commit));
        }
    }
}
