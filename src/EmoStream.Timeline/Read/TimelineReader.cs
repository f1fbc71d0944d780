using EmoStream.Contracts.Timeline;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace EmoStream.Timeline.Read;

/// <summary>The reading side: current view, resumable feed, list of conversations.</summary>
public sealed partial class TimelineReader(
    IConnectionMultiplexer redis, TimeProvider timeProvider, ILogger<TimelineReader>? logger = null) : IAsyncDisposable
{
    private readonly IDatabase _database = redis.GetDatabase();
    private readonly ConversationChanges _changes = new(redis, timeProvider);
    private readonly ILogger _logger = logger ?? NullLogger<TimelineReader>.Instance;

    /// <summary>The current view; null when the conversation is unknown.</summary>
    public async Task<ConversationTimeline?> ReadAsync(string conversationId)
    {
        var keys = RedisKeys.Of(conversationId);

        // One transaction: no commit comes between its parts. Cheaper for the server than a script, which copies every entry through Lua.
        var transaction = _database.CreateTransaction();
        var change = transaction.HashGetAsync(keys.State, RedisKeys.Change);
        var entries = transaction.HashValuesAsync(keys.Entries);
        var speakers = transaction.HashValuesAsync(keys.Speakers);
        await transaction.ExecuteAsync();
        if ((await change).IsNull)
        {
            return null;
        }

        var timeline = Array.ConvertAll(await entries, TimelineJson.ReadEntry);
        Array.Sort(timeline, static (left, right) => left.Sequence.CompareTo(right.Sequence));
        return new ConversationTimeline(
            conversationId, (long)await change, timeline, Array.ConvertAll(await speakers, TimelineJson.ReadSpeaker));
    }

    /// <summary>Conversations by last activity, latest first.</summary>
    public async Task<IReadOnlyList<ConversationSummary>> ListAsync(int offset, int limit)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        var lines = await _database.SortedSetRangeByRankWithScoresAsync(
            RedisKeys.Conversations, offset, (long)offset + limit - 1, Order.Descending);
        var counts = Array.ConvertAll(lines, line => _database.SortedSetLengthAsync(RedisKeys.Of((string)line.Element!).Order));
        await Task.WhenAll(counts);

        var summaries = new ConversationSummary[lines.Length];
        for (var i = 0; i < lines.Length; i++)
        {
            summaries[i] = new ConversationSummary(
                (string)lines[i].Element!, DateTimeOffset.FromUnixTimeMilliseconds((long)lines[i].Score), await counts[i]);
        }

        return summaries;
    }

    /// <summary>Ends the subscriptions; the connection stays open for its owner.</summary>
    public ValueTask DisposeAsync() => _changes.DisposeAsync();
}
