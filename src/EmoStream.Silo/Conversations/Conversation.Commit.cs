using EmoStream.Contracts.Timeline;
using EmoStream.Timeline.Commit;

namespace EmoStream.Silo.Conversations;

internal sealed partial class Conversation
{
    /// <summary>
    /// Ends the batch: what to write, or null when every event had been applied before. Duplicates are committed, too, though
    /// they write no entry: only Redis can tell whether it still has what this activation remembers.
    /// </summary>
    public TimelineCommit? ToCommit()
    {
        if (!_changed && _offset <= _offsets.GetValueOrDefault(_source, -1)) return null;
        var (previousChange, entries, speakers) = (_change, new List<TimelineEntry>(), new List<SpeakerTally>());
        foreach (var row in _detached.Concat(_rows))
        {
            if (row.IsDirty) Settle(row, entries, speakers);
        }

        var dropped = Trim();
        var rows = new List<KeyValuePair<string, byte[]>>();
        foreach (var row in _rows)
        {
            if (row is { IsOwnChange: false, IsEncoded: false }) continue;
            var stored = new StoredRow(row.Sequence, row.Speaker, row.Descriptors ?? NoDescriptors(), _model.Bundle);
            rows.Add(new(row.UtteranceId, _serializer.SerializeToArray(stored)));
            (row.IsOwnChange, row.IsEncoded, row.IsStored, row.ReceivedAt) = (false, false, true, null);
        }

        // Not the last one: recognisers of speech revise what was just said.
        for (var i = 0; i < _rows.Count - 1; i++)
        {
            if (HasItsLookAhead(_rows[i])) _rows[i].LeaveEntry();
        }

        _offsets[_source] = _offset;
        return new()
        {
            Epoch = _epoch,
            PreviousChange = previousChange,
            Change = _change,
            Source = _source,
            Offset = _offset,
            Entries = entries,
            Rows = rows,
            DroppedRows = dropped,
            Speakers = speakers.ConvertAll(static s => s.Take()),
            Grain = _serializer.SerializeToArray(new StoredConversation(_utterances, [.. _speakerIds], _ended)),
        };
    }

    private void Settle(Row row, List<TimelineEntry> entries, List<SpeakerTally> speakers)
    {
        var entry = Settled(row);
        (row.IsDirty, row.IsAlone, row.Score) = (false, false, null);
        if (row.Committed is { } committed && !row.IsOwnChange && SameScore(committed, entry))
        {
            row.Commit(committed);
            return;
        }

        _change++;
        entries.Add(entry);
        Count(row.Committed, -1, row.Role, speakers);
        Count(entry, +1, row.Role, speakers);
        row.Role = null;
        row.Commit(entry);
    }

    private EntryStatus StatusOf(Row row)
    {
        if (row.Entry.Status == EntryStatus.Retracted) return EntryStatus.Retracted;
        if (row.Committed is { Status: not EntryStatus.Provisional }) return EntryStatus.Revised;
        return _ended || HasItsLookAhead(row) ? EntryStatus.Final : EntryStatus.Provisional;
    }

    /// <summary>Scored again with the same result: followers need not hear of it.</summary>
    private static bool SameScore(TimelineEntry a, TimelineEntry b)
    {
        if (a.Status != b.Status && (a.Status, b.Status) != (EntryStatus.Final, EntryStatus.Revised)) return false;
        if (a.Bundle != b.Bundle || a.Probabilities.Count != b.Probabilities.Count) return false;
        foreach (var (label, p) in a.Probabilities)
        {
            if (!b.Probabilities.TryGetValue(label, out var q) || !q.Equals(p)) return false;
        }

        return true;
    }

    /// <summary>Forgets the rows that left the window.</summary>
    /// <returns>The utterances of those that Redis keeps.</returns>
    private List<string> Trim()
    {
        var (count, dropped) = (Math.Max(0, _rows.Count - KeptRows), new List<string>());
        for (var i = 0; i < count; i++)
        {
            if (_rows[i].IsStored) dropped.Add(_rows[i].UtteranceId);
        }

        _rows.RemoveRange(0, count);
        return dropped;
    }

    private void Count(TimelineEntry? entry, int sign, string? role, List<SpeakerTally> touched)
    {
        if (entry is null or { Status: EntryStatus.Retracted }) return;
        if (!_tallies.TryGetValue(entry.SpeakerId, out var tally)) _tallies.Add(entry.SpeakerId, tally = new(new() { SpeakerId = entry.SpeakerId }));
        if (tally.Count(entry, sign, role)) touched.Add(tally);
    }

    /// <summary>The row's entry with its score, as this commit writes it.</summary>
    private TimelineEntry Settled(Row row)
    {
        var (status, revision, change) = (StatusOf(row), row.Entry.Revision + 1, _change + 1);
        if (row.Score is not var (score, latency)) return row.Entry with { Status = status, Revision = revision, Change = change };

        var best = 0;
        for (var i = 1; i < score.Probabilities.Length; i++)
        {
            if (score.Probabilities[i] > score.Probabilities[best]) best = i;
        }

        var (available, recovered) = (0u, 0u); // a bit per modality
        for (var m = 0; m < _model.Modalities.Length; m++)
        {
            if (row.Descriptors![m] is not null) available |= 1u << m;
            else if (score.Weights[m] > 0) recovered |= 1u << m;
        }

        return row.Entry with
        {
            Status = status,
            Revision = revision,
            Change = change,
            Label = _model.Labels[best],
            Probabilities = new LabelDictionary(_model.Labels, score.Probabilities),
            Confidence = score.Probabilities[best],
            PredictionSet = score.PredictionSet is { } set ? new(_model.Coverage, Array.ConvertAll(set, l => _model.Labels[l])) : null,
            Weights = _modalities.Weights(available | recovered, score.Weights),
            Availability = _modalities.Names(available),
            Recovered = _modalities.Names(recovered),
            Bundle = _model.Bundle,
            LatencyMs = latency,
        };
    }
}
