using EmoStream.Contracts;
using EmoStream.Contracts.Inference;
using EmoStream.Contracts.Timeline;
using EmoStream.Timeline.Commit;
using Orleans.Serialization;

namespace EmoStream.Silo.Conversations;

/// <summary>
/// A conversation in memory, without any I/O: takes events (<c>Conversation.Apply.cs</c>), says what to score
/// (<c>Conversation.Score.cs</c>) and turns scores into the commit (<c>Conversation.Commit.cs</c>). It changes as it goes:
/// when scoring or committing fails it is thrown away and read again from Redis.
/// </summary>
internal sealed partial class Conversation
{
    private readonly string _id;
    private readonly ModelDescription _model;
    private readonly Serializer _serializer;

    private readonly List<Row> _rows = [];
    private readonly Dictionary<string, int> _speakers = [];
    private readonly HashSet<string> _utteranceIds;
    private readonly List<string> _speakerIds = [];
    private readonly Dictionary<string, SpeakerTally> _tallies = [];
    private readonly ModalityNames _modalities;
    private readonly Dictionary<string, long> _offsets;
    private readonly long _epoch;
    private readonly bool _encodesText;

    private long _change;
    private long _utterances;
    private bool _ended;

    /// <summary>Continues from what Redis holds.</summary>
    public Conversation(string id, ModelDescription model, ConversationState state, Serializer serializer)
    {
        (_id, _model, _serializer) = (id, model, serializer);
        (_epoch, _change) = (state.Epoch, state.Change);
        _encodesText = Array.Exists(model.Modalities, m => m is { Name: Modality.Text, HasEncoder: true });
        _utteranceIds = [.. state.UtteranceIds];
        _modalities = new(model);
        foreach (var (speaker, aggregate) in state.Speakers) _tallies.Add(speaker, new(aggregate));
        _offsets = new(state.Offsets);
        if (state.Grain.IsEmpty) return;

        var stored = serializer.Deserialize<StoredConversation>(state.Grain)!;
        (_utterances, _ended) = (stored.Utterances, stored.Ended);
        foreach (var speaker in stored.Speakers) SpeakerNumber(speaker);
        foreach (var (utteranceId, bytes) in state.Rows)
        {
            // Each commit writes both. The message names no utterance.
            var entry = state.Entries.GetValueOrDefault(utteranceId) ?? throw new InvalidDataException("Redis holds a row of the window, but not its entry.");
            _rows.Add(Restore(serializer.Deserialize<StoredRow>(bytes)!, entry));
        }

        _rows.Sort((a, b) => a.Sequence.CompareTo(b.Sequence));
    }

    /// <summary>
    /// How many rows are kept: a revision of one of the last W + K + 1 utterances re-scores up to W later and K earlier ones,
    /// and the earliest of these needs W rows before it.
    /// </summary>
    private int KeptRows => 2 * (_model.Window + _model.LookAhead) + 1;

    private long FirstRow => _utterances - _rows.Count;

    /// <summary>
    /// Whether all that a row's score and its dependents' scores rest on is kept. Decided by the row's place in the
    /// conversation, not by what happens to be in memory: how events are cut into batches must not change a score.
    /// </summary>
    private bool HasContext(long sequence) =>
        sequence >= FirstRow // a bundle with a larger window than the one that kept the rows
        && (_utterances <= KeptRows || sequence >= _utterances - _model.Window - _model.LookAhead - 1);

    /// <summary>
    /// Descriptors of another bundle mean nothing to this one. Text can be encoded again from the entry; other modalities
    /// of the past are gone and count as missing.
    /// </summary>
    private Row Restore(StoredRow stored, TimelineEntry entry)
    {
        var sameModel = stored.Bundle == _model.Bundle;
        var row = new Row(stored.Sequence, stored.Speaker, entry)
        {
            IsStored = true,
            Descriptors = sameModel ? stored.Descriptors : NoDescriptors(),
            Input = sameModel || !_encodesText || string.IsNullOrWhiteSpace(entry.Text) ? null : new() { Text = entry.Text },
        };
        row.Commit(entry);
        return row;
    }

    private byte[]?[] NoDescriptors() => new byte[]?[_model.Modalities.Length];

    private int SpeakerNumber(string speakerId)
    {
        if (_speakers.TryGetValue(speakerId, out var number)) return number;
        _speakers.Add(speakerId, _speakerIds.Count);
        _speakerIds.Add(speakerId);
        return _speakerIds.Count - 1;
    }
}
