using System.CommandLine;
using System.Text.Json;
using Confluent.Kafka;
using EmoStream.Contracts;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Inference;
using EmoStream.Contracts.Timeline;
using EmoStream.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Scoring;
using EmoStream.Testing.Inference;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace EmoStream.Benchmarks.Load;

/// <summary>
/// The upper bound: one consumer, the same parser and scorer, a dictionary of windows, pipelined Redis writes. No actors, no
/// durable state, no atomic commit, no policy: after a crash its windows are gone.
/// <code>poll ─► parse ─► window per conversation ─► score the poll as one batch ─► HSET + ZADD + ZADD, pipelined ─► PUBLISH</code>
/// </summary>
internal static class BareRole
{
    public const string Name = "bare";
    private const int PollRecords = 2000;
    private const int ScoreRows = 64;

    public static Command Create()
    {
        var command = new Command(Name, "The bare loop; started by `load`.") { Hidden = true };
        command.SetAction(async (_, cancellationToken) => await RunAsync(cancellationToken));
        return command;
    }

    private static async Task RunAsync(CancellationToken cancellationToken)
    {
        using var redis = await ConnectionMultiplexer.ConnectAsync(Variable("ConnectionStrings__redis"));
        var database = redis.GetDatabase();
        var scorer = Scorer();
        using var consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig
        {
            BootstrapServers = Variable("ConnectionStrings__kafka"),
            GroupId = "bare",
            AutoOffsetReset = AutoOffsetReset.Earliest,
            EnableAutoCommit = true,
            FetchWaitMaxMs = 5,
        }).SetPartitionsAssignedHandler((_, _) => Console.WriteLine("ready")).Build();
        consumer.Subscribe(Variable("EmoStream__Topics__Utterances"));

        var conversations = new Dictionary<string, BareConversation>();
        var touched = new List<BareConversation>();
        while (!cancellationToken.IsCancellationRequested)
        {
            var record = consumer.Consume(100);
            for (var n = 0; record?.Message is not null; record = ++n < PollRecords ? consumer.Consume(TimeSpan.Zero) : null)
            {
                if (UtteranceEventReader.TryRead(record.Message.Value, null, out _) is not { } e) continue;
                if (!conversations.TryGetValue(e.ConversationId, out var conversation))
                {
                    conversations.Add(e.ConversationId, conversation = new(e.ConversationId, scorer.Description));
                }

                if (conversation.Add(e)) touched.Add(conversation);
            }

            for (var from = 0; from < touched.Count;)
            {
                var (to, rows) = (from, 0);
                while (to < touched.Count && rows < ScoreRows) rows += touched[to++].Pending;
                var slice = touched[from..to];
                var replies = scorer.Score(slice.ConvertAll(c => c.ToRequest()));
                for (var i = 0; i < slice.Count; i++) slice[i].Write(replies[i], database);
                from = to;
            }

            if (touched.Count > 0) await database.PingAsync(); // the answer to the last of the pipeline
            touched.Clear();
        }
    }

    private static IScorer Scorer()
    {
        if (Variable(Roles.Scorer) == Roles.Null) return new NullScorer();
        var bundle = Variable("EmoStream__Bundle");
        return new OnnxScorer(ModelBundle.Load(bundle), Options.Create(new InferenceOptions { Bundle = bundle }));
    }

    private static string Variable(string name) =>
        Environment.GetEnvironmentVariable(name) ?? throw new InvalidOperationException($"{name} is not set: `load` starts this.");
}

/// <summary>A window in memory.</summary>
internal sealed class BareConversation(string id, ModelDescription model)
{
    private readonly List<ContextRow> _rows = [];
    private readonly List<UtteranceEvent> _pending = [];
    private readonly Dictionary<string, int> _speakers = [];
    private readonly HashSet<string> _seen = [];
    private readonly string _prefix = $"emostream:{{{id}}}:";
    private long _change;

    public int Pending => _pending.Count;

    /// <returns>Whether this is the first pending utterance.</returns>
    public bool Add(UtteranceEvent e)
    {
        if (!_seen.Add(e.UtteranceId)) return false;
        if (!_speakers.TryGetValue(e.Speaker!.Id, out var speaker)) _speakers.Add(e.Speaker.Id, speaker = _speakers.Count);
        _rows.Add(new() { Speaker = speaker, Input = new() { Text = e.Text } });
        _pending.Add(e);
        return _pending.Count == 1;
    }

    public ScoreRequest ToRequest() => new() { Rows = [.. _rows], Scored = [.. Enumerable.Range(_rows.Count - Pending, Pending)] };

    public void Write(ScoreReply reply, IDatabase redis)
    {
        for (var i = 0; i < Pending; i++)
        {
            var (e, score, at) = (_pending[i], reply.Scores[i], _rows.Count - Pending + i);
            _rows[at] = new() { Speaker = _rows[at].Speaker, Descriptors = reply.Descriptors[at] };
            var best = Array.IndexOf(score.Probabilities, score.Probabilities.Max());
            var probabilities = new Dictionary<string, float>(model.Labels.Length);
            for (var k = 0; k < model.Labels.Length; k++) probabilities[model.Labels[k]] = score.Probabilities[k];
            var entry = new TimelineEntry
            {
                ConversationId = id,
                UtteranceId = e.UtteranceId,
                Sequence = _change,
                Change = ++_change,
                SpeakerId = e.Speaker!.Id,
                StartMs = e.StartMs,
                EndMs = e.EndMs,
                Text = e.Text,
                Status = EntryStatus.Final,
                Label = model.Labels[best],
                Probabilities = probabilities,
                Confidence = score.Probabilities[best],
                Bundle = model.Bundle,
            };
            redis.HashSet(_prefix + "entries", e.UtteranceId, JsonSerializer.SerializeToUtf8Bytes(entry, ContractsJson.Default.TimelineEntry), flags: CommandFlags.FireAndForget);
            redis.SortedSetAdd(_prefix + "order", e.UtteranceId, entry.Sequence, CommandFlags.FireAndForget);
            redis.SortedSetAdd(_prefix + "feed", e.UtteranceId, entry.Change, CommandFlags.FireAndForget);
        }

        redis.Publish(RedisChannel.Literal(_prefix + "changes"), _change, CommandFlags.FireAndForget);
        _pending.Clear();
        if (_rows.Count > model.Window) _rows.RemoveRange(0, _rows.Count - model.Window);
    }
}
