namespace EmoStream.Timeline.Read;

/// <summary>
/// A follower's token is ahead of the conversation: it was erased, or Redis came back with an older state. What the
/// follower has seen no longer stands, so it is told instead of being left waiting or fed from the start behind its
/// back: drop what was received, read the timeline anew and follow from its change number.
/// </summary>
public sealed class TimelineRewoundException(long token, long change)
    : Exception($"The token {token} is ahead of the conversation's latest change {change}: read the timeline anew and follow from there.")
{
    /// <summary>Where the follower wanted to resume, or had come to.</summary>
    public long Token { get; } = token;

    /// <summary>The conversation's latest change number; 0 when it is unknown.</summary>
    public long Change { get; } = change;
}
