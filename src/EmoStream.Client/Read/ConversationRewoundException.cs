namespace EmoStream.Client.Read;

/// <summary>
/// A followed conversation has not come as far as the follower: it was erased, or its store lost writes that it had
/// acknowledged. Forget what was received, read the timeline anew and follow from its change number.
/// </summary>
public sealed class ConversationRewoundException : Exception
{
    internal ConversationRewoundException(long afterChange)
        : base($"The conversation has not come as far as change {afterChange}: read its timeline anew and follow from there.")
    {
        AfterChange = afterChange;
    }

    /// <summary>The last change that the follower had seen.</summary>
    public long AfterChange { get; }
}
