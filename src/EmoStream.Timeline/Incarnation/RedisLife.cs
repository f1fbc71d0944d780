namespace EmoStream.Timeline.Incarnation;

/// <summary>
/// One life of Redis, as one process of ours has verified it: from a start, or a fail-over, to the next. Within a life nothing
/// that was acknowledged is lost.
/// </summary>
/// <param name="Id">Names the life; the same for everybody.</param>
/// <param name="Open">SHA-1 of <c>open.lua</c> as this process loaded it in this life, and in no other.</param>
/// <param name="Commit">Of <c>commit.lua</c>.</param>
/// <param name="Claim">Of <c>claim.lua</c>.</param>
/// <param name="Advance">Of <c>advance.lua</c>.</param>
internal sealed record RedisLife(string Id, byte[] Open, byte[] Commit, byte[] Claim, byte[] Advance);
