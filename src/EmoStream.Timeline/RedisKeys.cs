using StackExchange.Redis;

namespace EmoStream.Timeline;

/// <summary>
/// Every key of EmoStream in Redis. The keys of one conversation share the hash tag <c>{conversation}</c>, so that one
/// script can commit them on Redis Cluster too.
/// </summary>
internal static class RedisKeys
{
    /// <summary>zset: conversation id by last activity in Unix ms. In another slot, hence outside the commit script.</summary>
    public static readonly RedisKey Conversations = "emostream:conversations";

    /// <summary>string: the id of the present life; see <see cref="Incarnation.RedisIncarnation"/>.</summary>
    public static readonly RedisKey Life = "emostream:life";

    /// <summary>hash: epoch of the owner, offset, life of a partition; see <see cref="Incarnation.Watermarks"/>.</summary>
    public static RedisKey Watermark(string source) => "emostream:watermark:" + source;

    /// <summary>Field of <see cref="ConversationKeys.State"/>: the fencing token.</summary>
    public const string Epoch = "epoch";

    /// <summary>Field of <see cref="ConversationKeys.State"/>: the latest change number.</summary>
    public const string Change = "change";

    /// <summary>Field of <see cref="ConversationKeys.State"/>: the grain's opaque bytes.</summary>
    public const string Grain = "grain";

    /// <summary>Start of the fields of <see cref="ConversationKeys.State"/> that hold the last applied offset of a source.</summary>
    public const string OffsetPrefix = "offset:";

    /// <summary>All keys of a conversation, and nothing else holds any data of it but its line in <see cref="Conversations"/>.</summary>
    public static ConversationKeys Of(string conversationId)
    {
        // A brace would end the hash tag early and scatter the keys over slots. The id stays out of the message: it may name people.
        if (string.IsNullOrEmpty(conversationId) || conversationId.AsSpan().ContainsAny('{', '}'))
        {
            throw new ArgumentException("A conversation id must not be empty and must not contain braces.", nameof(conversationId));
        }

        var prefix = $"emostream:{{{conversationId}}}:";
        return new ConversationKeys(
            State: prefix + "state",
            Context: prefix + "context",
            Entries: prefix + "entries",
            Order: prefix + "order",
            Feed: prefix + "feed",
            Speakers: prefix + "speakers",
            Changes: prefix + "changes");
    }
}

/// <summary>The keys of one conversation.</summary>
/// <param name="State">hash: epoch, change, grain, offset:&lt;source&gt;.</param>
/// <param name="Context">hash: utterance id → opaque bytes of a window row.</param>
/// <param name="Entries">hash: utterance id → entry as JSON.</param>
/// <param name="Order">zset: utterance id by sequence.</param>
/// <param name="Feed">zset: utterance id by the number of its latest change.</param>
/// <param name="Speakers">hash: speaker id → aggregate as JSON.</param>
/// <param name="Changes">Channel that carries the latest change number; not a key.</param>
internal sealed record ConversationKeys(
    RedisKey State, RedisKey Context, RedisKey Entries, RedisKey Order, RedisKey Feed, RedisKey Speakers, string Changes)
{
    /// <summary>KEYS of the open and commit scripts, and what an erasure deletes.</summary>
    public RedisKey[] All => [State, Context, Entries, Order, Feed, Speakers];

    /// <summary>Where followers listen.</summary>
    public RedisChannel Channel => RedisChannel.Literal(Changes);
}
