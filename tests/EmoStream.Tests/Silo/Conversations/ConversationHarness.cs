using System.Text.Json;
using EmoStream.Contracts;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Inference;
using EmoStream.Contracts.Timeline;
using EmoStream.Inference.Scoring;
using EmoStream.Silo.Conversations;
using EmoStream.Silo.Policy;
using EmoStream.Timeline.Commit;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace EmoStream.Tests.Silo.Conversations;

/// <summary>A conversation with a store in memory and a model whose scores depend on every row that it may look at.</summary>
internal sealed class ConversationHarness
{
    private static readonly Serializer Serializer = new ServiceCollection().AddSerializer().BuildServiceProvider().GetRequiredService<Serializer>();
    private static readonly PolicyDecision TextOnly = new("p@1", System.Collections.Frozen.FrozenSet.ToFrozenSet([Modality.Text]));

    private const string Source = "topic/0";

    private readonly Dictionary<string, long> _offsets = [];
    private readonly Dictionary<string, byte[]> _rows = [];
    private readonly Dictionary<string, SpeakerAggregate> _speakers = [];
    private long _change;
    private byte[] _grain = [];
    private Conversation _conversation;

    private readonly Func<ScoreRequest, ScoreReply> _score;

    /// <summary>A conversation that the real scorer scores.</summary>
    public ConversationHarness(IScorer scorer)
    {
        Model = scorer.Description;
        _score = request => scorer.Score([request])[0];
        _conversation = Open();
    }

    public ConversationHarness(int window = 3, int lookAhead = 0)
    {
        _score = Score;
        Model = new()
        {
            Bundle = "fake@1",
            Labels = ["calm", "stirred"],
            Modalities = [new(Modality.Text, "text/fake@1", 1, HasEncoder: true)],
            Window = window,
            LookAhead = lookAhead,
            Coverage = 0.9f,
        };
        _conversation = Open();
    }

    public ModelDescription Model { get; set; }

    public Dictionary<string, TimelineEntry> Entries { get; } = [];

    public List<TimelineEntry> Feed { get; } = [];

    public IReadOnlyDictionary<string, SpeakerAggregate> Speakers => _speakers;

    public int StoredRows => _rows.Count;

    public int Encoded { get; private set; }

    /// <summary>Rows of the largest request.</summary>
    public int MostRows { get; private set; }

    /// <summary>Utterances that the model refused to score.</summary>
    public int Unscored { get; private set; }

    /// <summary>Whether the last batch wrote an entry.</summary>
    public bool Committed { get; private set; }

    public long Offset => _offsets.GetValueOrDefault(Source, -1);

    /// <summary>Entries that were read back from Redis so far.</summary>
    public int EntriesRead { get; private set; }

    /// <summary>Which requests the model refuses for good.</summary>
    public Predicate<ScoreRequest> Refuses { get; set; } = _ => false;

    /// <summary>Throws the memory away, as a crash does.</summary>
    public void Restart() => _conversation = Open();

    public void Send(params (long Offset, UtteranceEvent Event)[] batch) => Send(TextOnly, batch);

    public void Send(PolicyDecision decision, params (long Offset, UtteranceEvent Event)[] batch)
    {
        _conversation.BeginBatch(Source);
        Committed = false;
        foreach (var (offset, e) in batch)
        {
            if (_conversation.NeedsCommitFirst(e))
            {
                Commit();
                _conversation.BeginBatch(Source);
            }

            var needed = _conversation.EntriesNeeded(e, offset);
            EntriesRead += needed.Count;
            _conversation.TakeEntries(needed.Select(id => AsRedisHasIt(Entries[id])));
            _conversation.Apply(e, offset, decision);
        }

        Commit();
    }

    private static TimelineEntry AsRedisHasIt(TimelineEntry entry) =>
        JsonSerializer.Deserialize(JsonSerializer.Serialize(entry, ContractsJson.Default.TimelineEntry), ContractsJson.Default.TimelineEntry)!;

    private void Commit()
    {
        var scoring = new Scoring(_conversation, Ask, TimeProvider.System, DateTimeOffset.UnixEpoch);
        foreach (var job in _conversation.ScoreJobs())
        {
            var run = scoring.RunAsync(job);
            Assert.True(run.IsCompletedSuccessfully); // nothing here is asynchronous
            Unscored += scoring.Unscored;
        }

        if (_conversation.ToCommit() is not { } commit) return;
        Committed |= commit.Entries.Count > 0;
        Store(commit);
    }

    private ValueTask<ScoreReply> Ask(ScoreRequest request)
    {
        MostRows = Math.Max(MostRows, request.Rows.Length);
        return Refuses(request) ? ValueTask.FromException<ScoreReply>(new UnscorableException("refused")) : new(_score(request));
    }

    public static UtteranceEvent Said(string id, string text, string speaker = "s1") =>
        new() { ConversationId = "c", UtteranceId = id, Speaker = new(speaker), Text = text, StartMs = 0, EndMs = 100 };

    public static UtteranceEvent Revised(string id, string text, string speaker = "s1") => Said(id, text, speaker) with { Kind = UtteranceKind.Revision };

    public static UtteranceEvent Retracted(string id) => new() { ConversationId = "c", UtteranceId = id, Kind = UtteranceKind.Retraction };

    public static UtteranceEvent End() => new() { ConversationId = "c", Kind = UtteranceKind.End };

    private Conversation Open() => new("c", Model, new()
    {
        Epoch = 1,
        Change = _change,
        Offsets = new Dictionary<string, long>(_offsets),
        Grain = _grain,
        Rows = new Dictionary<string, byte[]>(_rows),
        Entries = Entries.Where(e => _rows.ContainsKey(e.Key)).ToDictionary(),
        UtteranceIds = [.. Entries.Keys],
        Speakers = new Dictionary<string, SpeakerAggregate>(_speakers),
    }, Serializer);

    private void Store(TimelineCommit commit)
    {
        Assert.Equal(_change, commit.PreviousChange);
        Assert.Equal(Enumerable.Range(1, commit.Entries.Count).Select(i => _change + i), commit.Entries.Select(e => e.Change));
        _change = commit.Change;
        _grain = commit.Grain.ToArray();
        _offsets[commit.Source] = commit.Offset;
        foreach (var entry in commit.Entries) Entries[entry.UtteranceId] = entry;
        Feed.AddRange(commit.Entries);
        foreach (var (id, row) in commit.Rows) _rows[id] = row;
        foreach (var id in commit.DroppedRows) _rows.Remove(id);
        foreach (var speaker in commit.Speakers) _speakers[speaker.SpeakerId] = speaker;
    }

    private ScoreReply Score(ScoreRequest request)
    {
        var descriptors = new byte[]?[]?[request.Rows.Length];
        var values = new float?[request.Rows.Length];
        for (var i = 0; i < request.Rows.Length; i++)
        {
            var row = request.Rows[i];
            if (row.Input is { Text: { } text })
            {
                Encoded++;
                descriptors[i] = [BitConverter.GetBytes((Half)text.Aggregate(7, (h, c) => (h * 31 + c) % 1009))];
            }

            values[i] = (descriptors[i] ?? row.Descriptors)![0] is { } d ? (float)BitConverter.ToHalf(d) : null;
        }

        return new()
        {
            Bundle = Model.Bundle,
            Descriptors = descriptors,
            Scores = Array.ConvertAll(request.Scored, at =>
            {
                Assert.NotNull(values[at]);
                double sum = 0;
                for (var i = Math.Max(0, at - Model.Window); i <= Math.Min(values.Length - 1, at + Model.LookAhead); i++)
                {
                    var sameSpeaker = request.Rows[i].Speaker == request.Rows[at].Speaker;
                    sum += values[i].GetValueOrDefault() * (i - at + 100) * (sameSpeaker ? 1 : 0.5);
                }

                var p = (float)(sum % 997 / 997);
                return new Score { Probabilities = [p, 1 - p], Weights = [1], PredictionSet = p > 0.5 ? [0, 1] : [1] };
            }),
        };
    }
}
