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
        var dev = Checkout.Shared("data", "meld", "dev.jsonl");
        Assert.SkipUnless(dev is not null, "needs MELD's dev split at ../shared/data/meld/dev.jsonl");
        Assert.SkipUnless(PipelineRun.Unavailable is null, PipelineRun.Unavailable ?? "");
        var broker = await kafka.BrokerAsync();
        await using var run = await PipelineRun.StartAsync(broker);
        await run.Cluster.StartSiloAsync();
        string[] replay = ["replay", dev, "--speed", "max", "--kafka", broker.BootstrapServers, "--topic", run.Cluster.UtterancesTopic];

        await EmoStreamAsync(replay);
        await run.AppliedAsync();
        var first = await run.TimelinesAsync();
        await EmoStreamAsync(replay);
        await run.AppliedAsync();
        var second = await run.TimelinesAsync();

        Assert.Equal(Conversations, first.Count);
        var entries = first.SelectMany(timeline => timeline.Entries).ToList();
        Assert.Equal(Utterances, entries.Count);
        Assert.All(entries, entry => Assert.Equal(EntryStatus.Final, entry.Status));
        Assert.Equal(Changes(first), Changes(second));
        Assert.Equal(await EvaluatedLabelsAsync(dev), entries.ToDictionary(entry => (entry.ConversationId, entry.UtteranceId), entry => entry.Label!));
    }

    private static Dictionary<string, long> Changes(IEnumerable<ConversationTimeline> timelines) =>
        timelines.ToDictionary(timeline => timeline.ConversationId, timeline => timeline.Change);

    private static async Task<Dictionary<(string Conversation, string Utterance), string>> EvaluatedLabelsAsync(string file)
    {
        var predictions = Path.GetTempFileName();
        try
        {
            await EmoStreamAsync("evaluate", file, "--json", "--predictions", predictions);
            return File.ReadLines(predictions).Select(line => JsonDocument.Parse(line).RootElement).ToDictionary(
                line => (line.GetProperty("conversationId").GetString()!, line.GetProperty("utteranceId").GetString()!),
                line => line.GetProperty("label").GetString()!);
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
