using EmoStream.Contracts.Timeline;

namespace EmoStream.Timeline.Commit;

/// <summary>What an activation finds in Redis when it opens a conversation.</summary>
public sealed record ConversationState
{
    /// <summary>Fencing token: this activation's commits carry it, those with a lower one are refused.</summary>
    public required long Epoch { get; init; }

    /// <summary>The latest change number; 0 for a new conversation.</summary>
    public required long Change { get; init; }

    /// <summary>Last applied offset per source.</summary>
    public required IReadOnlyDictionary<string, long> Offsets { get; init; }

    /// <summary>The grain's own state as committed last; empty for a new conversation.</summary>
    public required ReadOnlyMemory<byte> Grain { get; init; }

    /// <summary>Stored window rows by utterance id.</summary>
    public required IReadOnlyDictionary<string, byte[]> Rows { get; init; }

    /// <summary>The current entries of the utterances in <see cref="Rows"/>.</summary>
    public required IReadOnlyDictionary<string, TimelineEntry> Entries { get; init; }

    /// <summary>Every utterance id on the timeline.</summary>
    public required IReadOnlyCollection<string> UtteranceIds { get; init; }

    /// <summary>Aggregates by speaker id.</summary>
    public required IReadOnlyDictionary<string, SpeakerAggregate> Speakers { get; init; }
}
