using EmoStream.Contracts.Inference;
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
        var (previousChange, entries, speakers) = (_change, new List<TimelineEntry>(), new HashSet<string>());
        foreach (var row in _detached) Settle(row, entries, speakers);
        foreach (var row in _rows)
        {
            if (row.IsDirty) Settle(row, entries, speakers);
        }

        var dropped = Trim();
        var rows = new List<KeyValuePair<string, byte[]>>();
        foreach (var row in _rows)
        {
            if (row is { IsOwnChange: false, IsEncoded: false }) continue;
            var stored = new StoredRow(row.Sequence, row.Speaker, row.Descriptors ?? NoDescriptors(), _model.Bundle);
            rows.Add(new(row.Entry.UtteranceId, _serializer.SerializeToArray(stored)));
            (row.IsOwnChange, row.IsEncoded, row.ReceivedAt) = (false, false, null);
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
            Speakers = [.. speakers.Select(s => _aggregates[s])],
            Grain = _serializer.SerializeToArray(new StoredConversation(_utterances, [.. _speakers.OrderBy(s => s.Value).Select(s => s.Key)], _ended)),
        };
    }

    private void Settle(Row row, List<TimelineEntry> entries, HashSet<string> speakers)
    {
        (row.IsDirty, row.IsAlone) = (false, false);
        var entry = row.Entry with { Status = StatusOf(row) };
        if (row.Committed is { } committed && !row.IsOwnChange && SameScore(committed, entry))
        {
            row.Entry = committed;
            return;
        }

        row.Entry = entry with { Revision = entry.Revision + 1, Change = ++_change };
        entries.Add(row.Entry);
        Count(row.Committed, -1, row.Role, speakers);
        Count(row.Entry, +1, row.Role, speakers);
        row.Committed = row.Entry;
    }

    private EntryStatus StatusOf(Row row)
    {
        if (row.Entry.Status == EntryStatus.Retracted) return EntryStatus.Retracted;
        if (row.Committed is { Status: not EntryStatus.Provisional }) return EntryStatus.Revised;
        return _ended || HasItsLookAhead(row) ? EntryStatus.Final : EntryStatus.Provisional;
    }

    /// <summary>Scored again with the same result: followers need not hear of it.</summary>
    private static bool SameScore(TimelineEntry a, TimelineEntry b) =>
        (a.Status == b.Status || (a.Status == EntryStatus.Final && b.Status == EntryStatus.Revised))
        && a.Bundle == b.Bundle
        && a.Probabilities.Count == b.Probabilities.Count
        && a.Probabilities.All(p => b.Probabilities.TryGetValue(p.Key, out var q) && q.Equals(p.Value));

    private List<string> Trim()
    {
        var count = Math.Max(0, _rows.Count - KeptRows);
        var dropped = _rows.GetRange(0, count).ConvertAll(r => r.Entry.UtteranceId);
        _rows.RemoveRange(0, count);
        return dropped;
    }

    private void Count(TimelineEntry? entry, int sign, string? role, HashSet<string> touched)
    {
        if (entry is null or { Status: EntryStatus.Retracted }) return;
        var aggregate = _aggregates.GetValueOrDefault(entry.SpeakerId) ?? new() { SpeakerId = entry.SpeakerId };
        var labels = aggregate.Labels;
        if (entry.Label is { } label)
        {
            labels = new Dictionary<string, int>(labels) { [label] = labels.GetValueOrDefault(label) + sign };
        }

        _aggregates[entry.SpeakerId] = aggregate with
        {
            DisplayName = entry.SpeakerName ?? aggregate.DisplayName,
            Role = role ?? aggregate.Role,
            Utterances = aggregate.Utterances + sign,
            SpeakingMs = aggregate.SpeakingMs + sign * ((entry.EndMs - entry.StartMs) ?? 0),
            Labels = labels,
        };
        touched.Add(entry.SpeakerId);
    }

    private TimelineEntry Scored(Row row, Score score, double inferenceMs, DateTimeOffset takenAt)
    {
        var best = Array.IndexOf(score.Probabilities, score.Probabilities.Max());
        var probabilities = new Dictionary<string, float>(_model.Labels.Length);
        for (var i = 0; i < _model.Labels.Length; i++) probabilities[_model.Labels[i]] = score.Probabilities[i];

        var (weights, available, recovered) = (new Dictionary<string, float>(), new List<string>(), new List<string>());
        for (var m = 0; m < _model.Modalities.Length; m++)
        {
            var name = _model.Modalities[m].Name;
            var isAvailable = row.Descriptors![m] is not null;
            if (isAvailable) available.Add(name);
            else if (score.Weights[m] > 0) recovered.Add(name);
            if (isAvailable || score.Weights[m] > 0) weights[name] = score.Weights[m];
        }

        return row.Entry with
        {
            Label = _model.Labels[best],
            Probabilities = probabilities,
            Confidence = score.Probabilities[best],
            PredictionSet = score.PredictionSet is { } set ? new(_model.Coverage, Array.ConvertAll(set, l => _model.Labels[l])) : null,
            Weights = weights,
            Availability = available,
            Recovered = recovered,
            Bundle = _model.Bundle,
            LatencyMs = new(row.ReceivedAt is { } at ? Math.Round(Math.Max(0, (takenAt - at).TotalMilliseconds), 3) : 0, Math.Round(inferenceMs, 3)),
        };
    }
}
