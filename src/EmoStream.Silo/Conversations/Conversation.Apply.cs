using EmoStream.Contracts;
using EmoStream.Contracts.Events;
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

    /// <summary>Whether an event changes an utterance that left the window, so that its entry must be fetched first.</summary>
    public bool NeedsEntry(UtteranceEvent e) =>
        e.Kind is UtteranceKind.Revision or UtteranceKind.Retraction && _utteranceIds.Contains(e.UtteranceId) && FindRow(e.UtteranceId) is null;

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
    /// <param name="fetched">The entry that <see cref="NeedsEntry"/> asked for.</param>
    /// <returns>False when the event had been applied before.</returns>
    public bool Apply(UtteranceEvent e, long offset, PolicyDecision decision, TimelineEntry? fetched)
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
                Revise(RowOf(e.UtteranceId, fetched), e, decision);
                return true;
            case UtteranceKind.Retraction:
                // Of an utterance that never came there is nothing to remove.
                if (_utteranceIds.Contains(e.UtteranceId)) Retract(RowOf(e.UtteranceId, fetched));
                return true;
            case UtteranceKind.End:
                End();
                return true;
            default:
                throw new InvalidOperationException($"Unknown event kind {(int)e.Kind}."); // the validator lets none through
        }
    }

    private void Add(UtteranceEvent e, PolicyDecision decision)
    {
        var entry = new TimelineEntry { ConversationId = _id, UtteranceId = e.UtteranceId, Sequence = _utterances, Revision = -1 };
        var row = new Row(_utterances, 0, entry);
        _rows.Add(row);
        _utterances++;
        _ended = false;
        Fill(row, e, decision);

        // The utterance that lies K back now knows all the later ones it looks at.
        if (_model.LookAhead > 0 && _rows.Count > _model.LookAhead) MarkDirty(_rows[^(_model.LookAhead + 1)]);
    }

    private void Revise(Row row, UtteranceEvent e, PolicyDecision decision)
    {
        Fill(row, e, decision);
        MarkDependents(row);
    }

    private void Retract(Row row)
    {
        row.Input = null;
        row.Descriptors = NoDescriptors();
        row.IsOwnChange = true;
        row.Entry = Unscored(row.Entry) with { Status = EntryStatus.Retracted, Policy = row.Entry.Policy };
        MarkDirty(row);
        MarkDependents(row);
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
        row.Entry = Unscored(row.Entry) with
        {
            SpeakerId = e.Speaker.Id,
            SpeakerName = e.Speaker.DisplayName,
            StartMs = e.StartMs,
            EndMs = e.EndMs,
            Text = decision.Allowed.Contains(Modality.Text) ? e.Text : null,
            Policy = decision.Id,
        };
        MarkDirty(row);
    }

    /// <summary>Later utterances look back on this one, and up to K earlier ones look ahead to it.</summary>
    private void MarkDependents(Row row)
    {
        var first = Math.Max(FirstRow, row.Sequence - _model.LookAhead);
        var last = Math.Min(_utterances - 1, row.Sequence + _model.Window);
        for (var s = first; s <= last; s++)
        {
            // Without all of its own window a row would be scored differently for no reason but its age: it keeps its score.
            var complete = FirstRow == 0 || s - _model.Window >= FirstRow;
            if (s != row.Sequence && complete) MarkDirty(_rows[(int)(s - FirstRow)]);
        }
    }

    private void MarkDirty(Row row)
    {
        row.IsDirty = true;
        _changed = true;
    }

    private bool HasItsLookAhead(Row row) => row.Sequence + _model.LookAhead < _utterances;

    private Row RowOf(string utteranceId, TimelineEntry? fetched)
    {
        if (FindRow(utteranceId) is { } row) return row;
        row = new Row(fetched!.Sequence, SpeakerNumber(fetched.SpeakerId), fetched) { Committed = fetched };
        _detached.Add(row);
        return row;
    }

    private Row? FindRow(string utteranceId) =>
        _rows.FindLast(r => r.Entry.UtteranceId == utteranceId) ?? _detached.Find(r => r.Entry.UtteranceId == utteranceId);

    private static TimelineEntry Unscored(TimelineEntry entry) => new()
    {
        ConversationId = entry.ConversationId,
        UtteranceId = entry.UtteranceId,
        Revision = entry.Revision,
        Sequence = entry.Sequence,
        SpeakerId = entry.SpeakerId,
        SpeakerName = entry.SpeakerName,
        StartMs = entry.StartMs,
        EndMs = entry.EndMs,
    };
}
