using EmoStream.Contracts.Timeline;
using EmoStream.Timeline.Commit;
using StackExchange.Redis;

namespace EmoStream.Testing.Gateway;

/// <summary>Plays the grain: puts entries on one conversation's timeline through the real commit.</summary>
public sealed class TimelineWriter : IAsyncDisposable
{
    /// <summary>The labels of <see cref="Entry"/>.</summary>
    public static readonly string[] Labels = ["neutral", "joy", "surprise", "anger", "sadness", "disgust", "fear"];

    private readonly IConnectionMultiplexer _redis;
    private readonly TimelineStore _store;
    private readonly long _epoch;
    private readonly Dictionary<string, TimelineEntry> _entries = new(StringComparer.Ordinal);
    private long _change;

    private TimelineWriter(IConnectionMultiplexer redis, TimelineStore store, string conversationId, long epoch)
    {
        _redis = redis;
        _store = store;
        _epoch = epoch;
        ConversationId = conversationId;
    }

    /// <summary>The conversation.</summary>
    public string ConversationId { get; }

    /// <summary>Opens a conversation that nobody else writes.</summary>
    public static async Task<TimelineWriter> OpenAsync(string redis, string? conversationId = null, TimeProvider? time = null)
    {
        conversationId ??= $"tenant/conversation {Guid.NewGuid():N}";
        var connection = await ConnectionMultiplexer.ConnectAsync(redis);
        var store = new TimelineStore(connection, time ?? TimeProvider.System);
        return new TimelineWriter(connection, store, conversationId, (await store.OpenAsync(conversationId)).Epoch);
    }

    /// <summary>Commits entries as one batch; change, sequence and revision are set here.</summary>
    public async Task<IReadOnlyList<TimelineEntry>> WriteAsync(params TimelineEntry[] entries)
    {
        var previous = _change;
        var numbered = new List<TimelineEntry>();
        foreach (var entry in entries)
        {
            var known = _entries.GetValueOrDefault(entry.UtteranceId);
            var next = entry with
            {
                ConversationId = ConversationId,
                Change = ++_change,
                Sequence = known?.Sequence ?? _entries.Count,
                Revision = known is null ? 0 : known.Revision + 1,
            };
            _entries[entry.UtteranceId] = next;
            numbered.Add(next);
        }

        var result = await _store.CommitAsync(ConversationId, new TimelineCommit
        {
            Epoch = _epoch,
            PreviousChange = previous,
            Change = _change,
            Source = "topic/0",
            Offset = _change,
            Entries = numbered,
            Grain = new byte[] { 1 },
        });
        return result == CommitResult.Committed ? numbered : throw new InvalidOperationException($"The commit ended with {result}.");
    }

    /// <summary>A scored entry: the label gets 0.64, each other one 0.06.</summary>
    public TimelineEntry Entry(string utteranceId, string speaker = "s1", string text = "Good morning.", string label = "joy", EntryStatus status = EntryStatus.Final) => new()
    {
        ConversationId = ConversationId,
        UtteranceId = utteranceId,
        SpeakerId = speaker,
        SpeakerName = $"Speaker {speaker}",
        StartMs = _entries.Count * 4000,
        EndMs = (_entries.Count * 4000) + 3000,
        Text = text,
        Status = status,
        Label = label,
        Probabilities = Labels.ToDictionary(name => name, name => name == label ? 0.64f : 0.06f),
        Confidence = 0.64f,
        PredictionSet = new PredictionSet(0.9f, [label, Labels.First(other => other != label)]),
        Weights = new Dictionary<string, float> { ["text"] = 0.7f, ["audio"] = 0.3f },
        Availability = ["text"],
        Recovered = ["audio"],
        Bundle = "test@1",
        Policy = "test-policy",
        LatencyMs = new EntryLatency(2.5, 7.5),
    };

    /// <summary>What remains of an utterance that its source took back.</summary>
    public TimelineEntry Retracted(string utteranceId)
    {
        var known = _entries[utteranceId];
        return new TimelineEntry
        {
            ConversationId = ConversationId,
            UtteranceId = utteranceId,
            SpeakerId = known.SpeakerId,
            SpeakerName = known.SpeakerName,
            StartMs = known.StartMs,
            EndMs = known.EndMs,
            Status = EntryStatus.Retracted,
        };
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync() => _redis.DisposeAsync();
}
