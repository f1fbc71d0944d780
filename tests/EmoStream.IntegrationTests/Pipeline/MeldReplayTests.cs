using System.Text.Json;
using EmoStream.Contracts.Timeline;
using EmoStream.Testing;
using EmoStream.Testing.Cluster;
using EmoStream.Testing.Kafka;
using EmoStream.Testing.Processes;

namespace EmoStream.IntegrationTests.Pipeline;

/// <summary>
/// The main job on real dialogues: MELD's dev split, replayed at full speed by the command line, is on the timelines once,
/// replaying it again changes nothing, and the stream says what the evaluation says.
/// </summary>
public sealed class MeldReplayTests(KafkaFixture kafka)
{
    private const int Conversations = 114;
    private const int Utterances = 1109;

    [Fact]
    public async Task Replay_MeldDevTwice_GivesTheEvaluationsLabelsOnce()
    {
        var dev = DevSplit();
        var broker = await kafka.BrokerAsync();
        await using var run = await PipelineRun.StartAsync(broker);
        await run.Cluster.StartSiloAsync();

        await ReplayAsync(run, broker, dev);
        await run.AppliedAsync();
        var first = await run.TimelinesAsync();
        await ReplayAsync(run, broker, dev);
        await run.AppliedAsync();
        var second = await run.TimelinesAsync();

        await AssertOnceAsync(dev, first);
        Assert.Equal(Changes(first), Changes(second));
    }

    [Fact]
    public async Task Replay_MeldDevWithTheSiloKilledInTheMiddle_GivesTheEvaluationsLabelsOnce()
    {
        var dev = DevSplit();
        var broker = await kafka.BrokerAsync();
        await using var run = await PipelineRun.StartAsync(broker);
        var silo = await run.Cluster.StartSiloAsync();

        var replay = ReplayAsync(run, broker, dev);
        await run.EntriesAsync(Utterances / 3);
        await silo.KillAsync();
        Assert.InRange(await run.CountEntriesAsync(), Utterances / 3, Utterances - 1);
        await run.Cluster.StartSiloAsync();
        await replay;
        await run.AppliedAsync();

        await AssertOnceAsync(dev, await run.TimelinesAsync());
    }

    private static string DevSplit()
    {
        var dev = Checkout.Shared("data", "meld", "dev.jsonl");
        Assert.SkipUnless(dev is not null, "needs MELD's dev split at ../shared/data/meld/dev.jsonl");
        Assert.SkipUnless(PipelineRun.Unavailable is null, PipelineRun.Unavailable ?? "");
        return dev;
    }

    private static Task ReplayAsync(PipelineRun run, KafkaBroker broker, string file) =>
        EmoStreamAsync("replay", file, "--speed", "max", "--kafka", broker.BootstrapServers, "--topic", run.Cluster.UtterancesTopic);

    /// <summary>Every utterance is final, in its place, written once, and labelled as the evaluation labels it.</summary>
    private static async Task AssertOnceAsync(string file, IReadOnlyList<ConversationTimeline> timelines)
    {
        Assert.Equal(Conversations, timelines.Count);
        var entries = timelines.SelectMany(timeline => timeline.Entries).ToList();
        Assert.Equal(Utterances, entries.Count);
        Assert.All(entries, entry => Assert.Equal((EntryStatus.Final, 0), (entry.Status, entry.Revision)));
        Assert.All(timelines, timeline =>
        {
            Assert.Equal(timeline.Entries.Count, timeline.Change);
            Assert.Equal(Enumerable.Range(0, timeline.Entries.Count).Select(i => (long)i), timeline.Entries.Select(entry => entry.Sequence));
        });
        var evaluated = (await EvaluatedAsync(file)).ToLookup(line => line.Conversation, line => (line.Utterance, line.Label));
        Assert.All(timelines, timeline => Assert.Equal(evaluated[timeline.ConversationId], timeline.Entries.Select(entry => (entry.UtteranceId, entry.Label!))));
    }

    private static Dictionary<string, long> Changes(IEnumerable<ConversationTimeline> timelines) =>
        timelines.ToDictionary(timeline => timeline.ConversationId, timeline => timeline.Change);

    /// <summary>What `emostream evaluate` says of a file, in the file's order.</summary>
    private static async Task<List<(string Conversation, string Utterance, string Label)>> EvaluatedAsync(string file)
    {
        var predictions = Path.GetTempFileName();
        try
        {
            await EmoStreamAsync("evaluate", file, "--json", "--predictions", predictions);
            return [.. File.ReadLines(predictions).Select(line => JsonDocument.Parse(line).RootElement).Select(line => (
                line.GetProperty("conversationId").GetString()!,
                line.GetProperty("utteranceId").GetString()!,
                line.GetProperty("label").GetString()!))];
        }
        finally
        {
            File.Delete(predictions);
        }
    }

    private static async Task EmoStreamAsync(params string[] arguments)
    {
        var log = Path.GetTempFileName();
        try
        {
            var output = Checkout.Output("EmoStream.Cli");
            await using var command = await ChildProcess.StartAsync("dotnet", [Path.Combine(output, "emostream.dll"), .. arguments], log);
            var status = await command.WaitForExitAsync(TimeSpan.FromMinutes(5));
            Assert.True(status == 0, $"emostream {arguments[0]} ended with {status}:\n{command.Tail()}");
        }
        finally
        {
            File.Delete(log);
        }
    }
}
