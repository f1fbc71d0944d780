using EmoStream.Contracts.Inference;
using EmoStream.Contracts.Timeline;

namespace EmoStream.Silo.Conversations;

/// <summary>
/// One utterance in the context window. Every utterance keeps its row, whatever becomes of it: one that brings nothing
/// (not allowed, retracted) is present without any modality, so that the distances of the others do not change.
/// </summary>
internal sealed class Row(long sequence, int speaker, TimelineEntry entry)
{
    private ContextRow? _context;
    private TimelineEntry? _entry = entry;
    private long _leftAt;

    /// <summary>Place in the conversation; rows are consecutive.</summary>
    public long Sequence { get; } = sequence;

    /// <summary>The utterance.</summary>
    public string UtteranceId { get; } = entry.UtteranceId;

    /// <summary>The speaker's number within the conversation.</summary>
    public int Speaker { get; set => (field, _context) = (value, null); } = speaker;

    /// <summary>The entry with what this batch brought; its status, numbers and <see cref="Score"/> come with the commit.</summary>
    public TimelineEntry Entry
    {
        get => _entry ?? throw new InvalidOperationException("The row's entry is in Redis alone and was not read back.");
        set => _entry = value;
    }

    /// <summary>Whether the entry is here; see <see cref="LeaveEntry"/>.</summary>
    public bool HasEntry => _entry is not null;

    /// <summary>The entry as Redis has it; null for a new row, and while it is in Redis alone.</summary>
    public TimelineEntry? Committed { get; private set; }

    /// <summary>What the model made of the row in this batch.</summary>
    public RowScore? Score { get; set; }

    /// <summary>Whether this batch brought or replaced the row's own content.</summary>
    public bool IsOwnChange { get; set; }

    /// <summary>Whether the row is to be scored and its entry written with this batch.</summary>
    public bool IsDirty { get; set; }

    /// <summary>Whether the row changed when its context was gone already: it is scored alone.</summary>
    public bool IsAlone { get; set; }

    /// <summary>Whether this batch encoded the row.</summary>
    public bool IsEncoded { get; set; }

    /// <summary>Whether Redis keeps the row, so that it must be dropped there when it leaves the window.</summary>
    public bool IsStored { get; set; }

    /// <summary>The speaker's role, where this batch brought it.</summary>
    public string? Role { get; set; }

    /// <summary>When the source recorded the row's latest event.</summary>
    public DateTimeOffset? ReceivedAt { get; set; }

    /// <summary>Raw input that is still to be encoded.</summary>
    public RowInput? Input { get; set; }

    /// <summary>Per modality of the model, float16; all null when the row brings nothing.</summary>
    public byte[]?[]? Descriptors { get; set => (field, _context) = (value, null); }

    /// <summary>Whether the row brings anything to score.</summary>
    public bool IsScorable => Input is not null || (Descriptors is { } d && Array.Exists(d, x => x is not null));

    /// <summary>The entry as Redis has it, or will have it with this commit.</summary>
    /// <exception cref="InvalidDataException">It is not the one that was left to Redis.</exception>
    public void Commit(TimelineEntry entry)
    {
        if (entry.Change < _leftAt) throw new InvalidDataException("Redis holds an older entry of the window than was committed.");
        _entry = Committed = entry;
    }

    /// <summary>
    /// Leaves the entry to Redis. Only revisions and retractions ask for it again, and what a window of rows holds for every
    /// conversation of a silo is what its garbage collections take time for.
    /// </summary>
    public void LeaveEntry()
    {
        _leftAt = _entry?.Change ?? _leftAt;
        _entry = Committed = null;
    }

    /// <summary>The row as the model sees it; what is encoded goes with every batch as long as it is in the window.</summary>
    public ContextRow ToContextRow() => Input is not null
        ? new() { Speaker = Speaker, Input = Input }
        : _context ??= new() { Speaker = Speaker, Descriptors = Descriptors };
}

/// <summary>What the model made of a row, and how long it took.</summary>
internal readonly record struct RowScore(Score Score, EntryLatency Latency);

/// <summary>What Redis keeps of a row; the entry is stored as such.</summary>
/// <param name="Sequence">Place in the conversation.</param>
/// <param name="Speaker">The speaker's number.</param>
/// <param name="Descriptors">Per modality of the model, float16, or null.</param>
/// <param name="Bundle">The model that made the descriptors: they mean nothing to another.</param>
[GenerateSerializer, Immutable, Alias("EmoStream.StoredRow")]
internal sealed record StoredRow(
    [property: Id(0)] long Sequence,
    [property: Id(1)] int Speaker,
    [property: Id(2)] byte[]?[] Descriptors,
    [property: Id(3)] string Bundle);

/// <summary>What Redis keeps of a conversation beside its rows, entries and aggregates.</summary>
/// <param name="Utterances">Number of utterances so far.</param>
/// <param name="Speakers">Speaker ids in the order of their numbers.</param>
/// <param name="Ended">Whether the source said so.</param>
[GenerateSerializer, Immutable, Alias("EmoStream.StoredConversation")]
internal sealed record StoredConversation(
    [property: Id(0)] long Utterances,
    [property: Id(1)] string[] Speakers,
    [property: Id(2)] bool Ended);
