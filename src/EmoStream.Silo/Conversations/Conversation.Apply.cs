using EmoStream.Contracts;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Inference;
using EmoStream.Contracts.Timeline;
using EmoStream.Silo.Policy;

namespace EmoStream.Silo.Conversations;

internal sealed partial class Conversation
{
    /// <summary>Rows of utterances that left the window long ago and are changed by this batch; scored on their own.</summary>
    private readonly List<Row> _detached = [];

    private string _source = "";
    private long _offset;
    private bool _changed;

    /// <summary>
    /// Whether an event changes an utterance whose context is gone while others wait to be scored: what was before it is
    /// scored and committed first, so that those see the utterance as it was.
    /// </summary>
    public bool NeedsCommitFirst(UtteranceEvent e) =>
        _changed && IsChange(e) && !(FindRow(e.UtteranceId) is { } row && HasContext(row.Sequence));

    /// <summary>
    /// The utterances whose entries <see cref="TakeEntries"/> must bring before an event is applied: it changes them, or
    /// they are scored again because of it. To be asked right before; another event or a commit changes the answer.
    /// </summary>
    /// <param name="e">The event.</param>
    /// <param name="offset">Its offset in the batch's source.</param>
    public List<string> EntriesNeeded(UtteranceEvent e, long offset)
    {
        if (offset <= _offset || !IsChange(e)) return [];
        if (FindRow(e.UtteranceId) is not { } changed) return [e.UtteranceId];
        var rows = HasContext(changed.Sequence) ? Dependents(changed) : [changed];
        return [.. rows.Where(r => !r.HasEntry).Select(r => r.UtteranceId)];
    }

    /// <summary>Takes entries that <see cref="EntriesNeeded"/> asked for, as Redis has them.</summary>
    public void TakeEntries(IEnumerable<TimelineEntry> entries)
    {
        foreach (var entry in entries)
        {
            var row = FindRow(entry.UtteranceId);
            if (row is null) _detached.Add(row = new(entry.Sequence, SpeakerNumber(entry.SpeakerId), entry));
            row.Commit(entry);
        }
    }

    /// <summary>Begins a batch of one source.</summary>
    public void BeginBatch(string source)
    {
        (_source, _offset, _changed) = (source, _offsets.GetValueOrDefault(source, -1), false);
        _detached.Clear();
    }

    /// <summary>Takes one event.</summary>
    /// <param name="e">A valid event.</param>
    /// <param name="offset">Its offset in the batch's source.</param>
    /// <param name="decision">What the policy lets us use of it.</param>
    /// <returns>False when the event had been applied before.</returns>
    public bool Apply(UtteranceEvent e, long offset, PolicyDecision decision)
    {
        if (offset <= _offset) return false;
        _offset = offset;
        switch (e.Kind)
        {
            case UtteranceKind.Utterance or UtteranceKind.Revision when _utteranceIds.Add(e.UtteranceId):
                Add(e, decision);
                return true;
            case UtteranceKind.Utterance:
                return false;
            case UtteranceKind.Revision:
                return Revise(RowOf(e.UtteranceId), e, decision);
            case UtteranceKind.Retraction:
                // Of an utterance that never came there is nothing to remove.
                return _utteranceIds.Contains(e.UtteranceId) && Retract(RowOf(e.UtteranceId));
            case UtteranceKind.End:
                End();
                return true;
            default:
                throw new InvalidOperationException($"Unknown event kind {(int)e.Kind}."); // the validator lets none through
        }
    }

    private void Add(UtteranceEvent e, PolicyDecision decision)
    {
        var row = new Row(_utterances, 0, EntryOf(e, decision, _utterances, revision: -1));
        _rows.Add(row);
        _utterances++;
        _ended = false;
        Fill(row, e, decision);

        // The utterance that lies K back now knows all the later ones it looks at.
        if (_model.LookAhead > 0 && _rows.Count > _model.LookAhead) MarkDirty(_rows[^(_model.LookAhead + 1)]);
    }

    private bool Revise(Row row, UtteranceEvent e, PolicyDecision decision)
    {
        // What was retracted does not come back; and a revision that says what is there already changes nothing.
        if (row.Entry.Status == EntryStatus.Retracted || IsSame(row, e, decision)) return false;
        row.Entry = EntryOf(e, decision, row.Sequence, row.Entry.Revision);
        Fill(row, e, decision);
        MarkDependents(row);
        return true;
    }

    private bool Retract(Row row)
    {
        if (row.Entry.Status == EntryStatus.Retracted) return false;
        row.Input = null;
        row.Descriptors = NoDescriptors();
        row.IsOwnChange = true;
        row.Entry = Unscored(row.Entry) with { Status = EntryStatus.Retracted };
        MarkDirty(row);
        MarkDependents(row);
        return true;
    }

    private void End()
    {
        _changed |= !_ended;
        _ended = true;
        foreach (var row in _rows)
        {
            if (!HasItsLookAhead(row)) MarkDirty(row);
        }
    }

    private void Fill(Row row, UtteranceEvent e, PolicyDecision decision)
    {
        row.Speaker = SpeakerNumber(e.Speaker!.Id);
        row.Input = decision.Apply(e, _model);
        row.Descriptors = row.Input is null ? NoDescriptors() : null;
        row.IsOwnChange = true;
        row.Role = e.Speaker.Role;
        row.ReceivedAt = e.ReceivedAt;
        MarkDirty(row);
    }

    /// <summary>The entry as the event brings it: without a score, its status and change number still to come.</summary>
    private TimelineEntry EntryOf(UtteranceEvent e, PolicyDecision decision, long sequence, int revision) => new()
    {
        ConversationId = _id,
        UtteranceId = e.UtteranceId,
        Revision = revision,
        Sequence = sequence,
        SpeakerId = _speakerIds[SpeakerNumber(e.Speaker!.Id)], // all of a speaker's rows share one string
        SpeakerName = e.Speaker.DisplayName,
        StartMs = e.StartMs,
        EndMs = e.EndMs,
        Text = decision.Allowed.Contains(Modality.Text) ? e.Text ?? "" : null,
        Policy = decision.Id,
    };

    /// <summary>Only text can be compared: of other modalities nothing is kept that they could be compared with.</summary>
    private bool IsSame(Row row, UtteranceEvent e, PolicyDecision decision) =>
        IsText(decision.Apply(e, _model))
        && (row.Input is null ? row.Entry.Availability is [Modality.Text] : IsText(row.Input))
        && (row.Entry.Text, row.Entry.SpeakerId, row.Entry.SpeakerName, row.Entry.StartMs, row.Entry.EndMs, row.Entry.Policy)
            == (e.Text, e.Speaker!.Id, e.Speaker.DisplayName, e.StartMs, e.EndMs, decision.Id);

    private static bool IsText(RowInput? input) => input is { Text: not null, Audio: null, Face: null, Body: null };

    /// <summary>Later utterances look back on this one, and up to K earlier ones look ahead to it.</summary>
    private void MarkDependents(Row row)
    {
        if (row.IsAlone) return;
        foreach (var dependent in Dependents(row))
        {
            dependent.IsAlone = false; // whatever it was scored with before: its context is still kept
            MarkDirty(dependent);
        }
    }

    /// <summary>The rows that are scored again when one changes, itself among them.</summary>
    private List<Row> Dependents(Row row)
    {
        var first = Math.Max(FirstRow, row.Sequence - _model.LookAhead);
        var last = Math.Min(_utterances - 1, row.Sequence + _model.Window);
        return _rows.GetRange((int)(first - FirstRow), (int)(last - first + 1));
    }

    private void MarkDirty(Row row)
    {
        row.IsDirty = true;
        _changed = true;
    }

    private bool HasItsLookAhead(Row row) => row.Sequence + _model.LookAhead < _utterances;

    private bool IsChange(UtteranceEvent e) =>
        e.Kind is UtteranceKind.Revision or UtteranceKind.Retraction && _utteranceIds.Contains(e.UtteranceId);

    private Row RowOf(string utteranceId)
    {
        var row = FindRow(utteranceId)!;
        row.IsAlone = !HasContext(row.Sequence);
        return row;
    }

    private Row? FindRow(string utteranceId) =>
        _rows.FindLast(r => r.UtteranceId == utteranceId) ?? _detached.Find(r => r.UtteranceId == utteranceId);

    /// <summary>The entry without what was said and what the model made of it.</summary>
    private static TimelineEntry Unscored(TimelineEntry entry) => entry with
    {
        Status = EntryStatus.Provisional,
        Text = null,
        Label = null,
        Probabilities = null!, // their setters make them empty
        Confidence = 0,
        PredictionSet = null,
        Weights = null!,
        Availability = null!,
        Recovered = null!,
        Bundle = "",
        LatencyMs = null!,
    };
}
