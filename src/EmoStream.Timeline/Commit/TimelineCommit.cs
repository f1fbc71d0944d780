using EmoStream.Contracts.Timeline;

namespace EmoStream.Timeline.Commit;

/// <summary>Everything one batch changes in a conversation; written by one script or not at all.</summary>
public sealed record TimelineCommit
{
    /// <summary>The activation's epoch, from <see cref="ConversationState.Epoch"/>.</summary>
    public required long Epoch { get; init; }

    /// <summary>The change number this commit builds on.</summary>
    public required long PreviousChange { get; init; }

    /// <summary>The change number after it; <see cref="PreviousChange"/> plus the number of <see cref="Entries"/>.</summary>
    public required long Change { get; init; }

    /// <summary>Where the batch came from (topic id and partition).</summary>
    public required string Source { get; init; }

    /// <summary>The last offset of <see cref="Source"/> that this commit covers.</summary>
    public required long Offset { get; init; }

    /// <summary>New and changed entries, each with its own change number, ascending.</summary>
    public required IReadOnlyList<TimelineEntry> Entries { get; init; }

    /// <summary>Window rows to store: utterance id and opaque bytes.</summary>
    public IReadOnlyList<KeyValuePair<string, byte[]>> Rows { get; init; } = [];

    /// <summary>Window rows that are no longer needed.</summary>
    public IReadOnlyList<string> DroppedRows { get; init; } = [];

    /// <summary>Aggregates of the speakers that this batch touched, as absolute values.</summary>
    public IReadOnlyList<SpeakerAggregate> Speakers { get; init; } = [];

    /// <summary>The grain's own state, opaque.</summary>
    public required ReadOnlyMemory<byte> Grain { get; init; }
}

/// <summary>How a commit ended.</summary>
public enum CommitResult
{
    /// <summary>Written.</summary>
    Committed,

    /// <summary>This very commit had been written before: its first answer was lost on the way.</summary>
    AlreadyCommitted,

    /// <summary>Refused: a newer activation has opened the conversation.</summary>
    Stale,

    /// <summary>Refused: the stored change number is not the one this commit builds on (Redis lost acknowledged writes).</summary>
    Diverged,

    /// <summary>Refused: the batch was read under a life of Redis that is not the present one, so batches before it may be missing.</summary>
    Fenced,
}
