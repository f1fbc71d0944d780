using EmoStream.Contracts.Timeline;

namespace EmoStream.Silo.Conversations;

/// <summary>One speaker's aggregate while the conversation is in memory: entries change it in place, a commit takes a copy.</summary>
internal sealed class SpeakerTally(SpeakerAggregate known)
{
    private readonly string _id = known.SpeakerId;
    private readonly Dictionary<string, int> _labels = new(known.Labels);
    private int _utterances = known.Utterances;
    private long _speakingMs = known.SpeakingMs;
    private string? _displayName = known.DisplayName;
    private string? _role = known.Role;
    private bool _isTouched;

    /// <summary>Adds (+1) or takes away (-1) an entry.</summary>
    /// <returns>Whether this is the first change since the last <see cref="Take"/>.</returns>
    public bool Count(TimelineEntry entry, int sign, string? role)
    {
        if (entry.Label is { } label) _labels[label] = _labels.GetValueOrDefault(label) + sign;
        _utterances += sign;
        _speakingMs += sign * ((entry.EndMs - entry.StartMs) ?? 0);
        _displayName = entry.SpeakerName ?? _displayName;
        _role = role ?? _role;
        return !_isTouched && (_isTouched = true);
    }

    /// <summary>The aggregate as it stands, for a commit.</summary>
    public SpeakerAggregate Take()
    {
        _isTouched = false;
        return new()
        {
            SpeakerId = _id,
            DisplayName = _displayName,
            Role = _role,
            Utterances = _utterances,
            SpeakingMs = _speakingMs,
            Labels = new Dictionary<string, int>(_labels),
        };
    }
}
