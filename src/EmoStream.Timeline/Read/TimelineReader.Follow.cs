using System.Runtime.CompilerServices;
using EmoStream.Contracts.Timeline;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace EmoStream.Timeline.Read;

public sealed partial class TimelineReader
{
    /// <summary>Entries per feed read: a late follower of a long conversation takes it in pages as fast as it can use them.</summary>
    private const int PageSize = 256;

    /// <summary>
    /// Entries changed after <paramref name="afterChange"/> in order of change, then live ones as they are committed.
    /// The feed is log-compacted: of an entry that changed twice meanwhile only the latest state is seen. Nothing is read
    /// before the consumer asks for it. While Redis is away the stream waits; it ends only by cancellation or with a
    /// <see cref="TimelineRewoundException"/>.
    /// </summary>
    /// <exception cref="TimelineRewoundException">The conversation has not come as far as the token says.</exception>
    public async IAsyncEnumerable<TimelineEntry> FollowAsync(
        string conversationId, long afterChange, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(afterChange);
        var keys = RedisKeys.Of(conversationId);
        using var follower = _changes.Follow(keys.Channel);
        var after = afterChange;
        var waitingForRedis = false;
        while (true)
        {
            // The signal is taken before the feed is read: a commit in between has already set it.
            var changed = follower.NextChange;
            FeedPage? page = null;
            try
            {
                page = await ReadPageAsync(follower, keys, after).WaitAsync(cancellationToken);
                waitingForRedis = false;
            }
            catch (Exception exception) when (IsTransient(exception))
            {
                if (!waitingForRedis)
                {
                    LogWaiting(exception.GetType().Name);
                }

                waitingForRedis = true;
            }

            if (page is { } read)
            {
                if (after > read.Change)
                {
                    throw new TimelineRewoundException(after, read.Change);
                }

                foreach (var entry in read.Entries)
                {
                    after = entry.Change;
                    yield return entry;
                }

                if (read.Entries.Length == PageSize)
                {
                    continue;
                }
            }

            await changed.WaitAsync(cancellationToken);
        }
    }

    private async Task<FeedPage> ReadPageAsync(ConversationChanges.Follower follower, ConversationKeys keys, long after)
    {
        await follower.SubscribeAsync();
        var reply = (RedisValue[])(await _database.ScriptEvaluateAsync(LuaScripts.Feed, [keys.State, keys.Feed, keys.Entries], [after, PageSize]))!;
        return new FeedPage((long)reply[0], Array.ConvertAll(reply[1..], TimelineJson.ReadEntry));
    }

    /// <summary>Whether the same read can succeed later without anybody changing anything but Redis' state of health.</summary>
    private static bool IsTransient(Exception exception) => exception switch
    {
        RedisConnectionException or RedisTimeoutException => true,
        RedisServerException server => server.Kind is RedisErrorKind.Loading or RedisErrorKind.ClusterDown or RedisErrorKind.MasterDown
            or RedisErrorKind.TryAgain or RedisErrorKind.Busy or RedisErrorKind.MaxClients or RedisErrorKind.NoScript
            or RedisErrorKind.Moved or RedisErrorKind.Ask or RedisErrorKind.ConnectionFault or RedisErrorKind.Timeout,
        _ => false,
    };

    private readonly record struct FeedPage(long Change, TimelineEntry[] Entries);

    [LoggerMessage(LogLevel.Warning, "A follower waits until Redis answers again ({Error}).")]
    private partial void LogWaiting(string error);
}
