using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using EmoStream.Contracts.Inference;
using EmoStream.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Scoring;
using Microsoft.Extensions.Options;

namespace EmoStream.Benchmarks.Inference;

/// <summary>
/// Cost of one utterance in a running conversation (its context is encoded already), alone and batched with those of
/// other conversations: wall clock, CPU of the process, and bytes allocated. Also the largest difference in a
/// probability between the ways to score, which must stay below 1e-5.
/// </summary>
internal static class ScoringBenchmark
{
    private const int Utterances = 1024;

    /// <param name="bundle">Directory of a text bundle.</param>
    /// <param name="file">JSON Lines with conversationId, speaker and text, in order.</param>
    /// <param name="threads">Threads of a model run.</param>
    public static void Run(string bundle, string file, int threads)
    {
        using var scorer = new OnnxScorer(ModelBundle.Load(bundle), Options.Create(new InferenceOptions { Threads = threads }));
        var conversations = Read(file);
        var whole = conversations.ConvertAll(rows => scorer.Score([new() { Rows = rows, Scored = [.. Enumerable.Range(0, rows.Length)] }])[0]);
        var (requests, expected) = Live(conversations, whole, scorer.Description.Window);
        Console.WriteLine($"{scorer.Description.Bundle}, {threads} thread(s), {requests.Length} utterances of {file}");
        Console.WriteLine("  batch   ms/utterance   CPU ms/utterance   bytes/utterance   largest difference");
        foreach (var size in new[] { 1, 4, 16, 32, 64, 128 })
        {
            Measure(scorer, requests, expected, size);
        }
    }

    private static void Measure(OnnxScorer scorer, ScoreRequest[] requests, Score[] expected, int size)
    {
        using var process = Process.GetCurrentProcess();
        var (cpu, allocated, started) = (process.TotalProcessorTime, GC.GetAllocatedBytesForCurrentThread(), Stopwatch.GetTimestamp());
        var replies = new List<ScoreReply>(requests.Length);
        for (var start = 0; start < requests.Length; start += size)
        {
            replies.AddRange(scorer.Score(new ArraySegment<ScoreRequest>(requests, start, Math.Min(size, requests.Length - start))));
        }

        var elapsed = Stopwatch.GetElapsedTime(started);
        process.Refresh();
        var difference = replies.Zip(expected).Max(pair => pair.First.Scores[0].Probabilities.Zip(pair.Second.Probabilities).Max(p => Math.Abs(p.First - p.Second)));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{size,7}{elapsed.TotalMilliseconds / requests.Length,15:F2}{(process.TotalProcessorTime - cpu).TotalMilliseconds / requests.Length,19:F2}{(GC.GetAllocatedBytesForCurrentThread() - allocated) / requests.Length,18}{difference,21:E1}"));
    }

    /// <summary>One request per utterance, as conversations ask, in an order that mixes the conversations.</summary>
    private static (ScoreRequest[] Requests, Score[] Expected) Live(List<ContextRow[]> conversations, List<ScoreReply> whole, int window)
    {
        var all = new List<(ScoreRequest Request, Score Expected)>();
        for (var c = 0; c < conversations.Count; c++)
        {
            var (rows, known) = (conversations[c], whole[c]);
            for (var t = 0; t < rows.Length; t++)
            {
                var start = Math.Max(0, t - window);
                var context = Enumerable.Range(start, t - start).Select(i => rows[i] with { Input = null, Descriptors = known.Descriptors[i] });
                all.Add((new() { Rows = [.. context, rows[t]], Scored = [t - start] }, known.Scores[t]));
            }
        }

        var mixed = all.ToArray();
        new Random(1).Shuffle(mixed);
        mixed = mixed[..Math.Min(mixed.Length, Utterances)];
        return ([.. mixed.Select(pair => pair.Request)], [.. mixed.Select(pair => pair.Expected)]);
    }

    private static List<ContextRow[]> Read(string file)
    {
        var conversations = new Dictionary<string, List<(string Speaker, string Text)>>();
        foreach (var line in File.ReadLines(file))
        {
            using var json = JsonDocument.Parse(line);
            var utterance = json.RootElement;
            if (utterance.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String)
            {
                var id = utterance.GetProperty("conversationId").GetString()!;
                conversations.TryAdd(id, []);
                conversations[id].Add((utterance.GetProperty("speaker").ToString(), text.GetString()!));
            }
        }

        return [.. conversations.Values.Select(said =>
        {
            var speakers = said.Select(one => one.Speaker).Distinct().ToList();
            return said.Select(one => new ContextRow { Speaker = speakers.IndexOf(one.Speaker), Input = new() { Text = one.Text } }).ToArray();
        })];
    }
}
