using System.Text;
using Confluent.Kafka;
using EmoStream.Contracts;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Timeline;
using EmoStream.Testing.Cluster;
using EmoStream.Testing.Inference;
using EmoStream.Testing.Kafka;

namespace EmoStream.IntegrationTests.Pipeline;

/// <summary>Text, audio and face through Kafka, policy, silo, model and Redis.</summary>
public sealed class ModalitiesTests(KafkaFixture kafka) : IDisposable
{
    private const int LookAhead = 2;
    private const int Length = 40;

    private readonly string _directory = Directory.CreateTempSubdirectory("emostream-policy-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    /// <summary>
    /// The face disappears midway, the last utterances wait for two more, the silo is killed on the way, an event with a
    /// vector of an unknown space comes between: the timeline is that of the whole conversation scored at once.
    /// </summary>
    [Fact]
    public async Task Stream_SiloKilledMidway_EqualsTheWholeConversation()
    {
        Assert.SkipUnless(PipelineRun.Unavailable is null, PipelineRun.Unavailable ?? "");
        var broker = await kafka.BrokerAsync();
        await using var run = await StartAsync(broker, [Modality.Text, Modality.Audio, Modality.Face]);
        var first = await run.Cluster.StartSiloAsync();
        var said = Said();

        await run.SendAsync(said[..(Length / 2)]);
        await run.AppliedAsync();
        var before = Assert.Single(await run.TimelinesAsync()).Entries;
        Assert.Equal([EntryStatus.Final, EntryStatus.Provisional, EntryStatus.Provisional], before.TakeLast(3).Select(entry => entry.Status));
        await first.KillAsync();
        await run.Cluster.StartSiloAsync();
        await SendUnknownSpaceAsync(broker, run, said[0]);
        await run.SendAsync([.. said[(Length / 2)..], new() { ConversationId = "c", Kind = UtteranceKind.End }]);
        await run.AppliedAsync();

        var request = FusionBundle.Whole(said);
        var scores = FusionBundle.Scorer(LookAhead).Score([request])[0].Scores;
        var entries = Assert.Single(await run.TimelinesAsync()).Entries;
        Assert.Equal(said.Select(e => e.UtteranceId), entries.Select(entry => entry.UtteranceId));
        foreach (var (t, score) in request.Scored.Zip(scores))
        {
            var entry = entries[t];
            Assert.Equal(EntryStatus.Final, entry.Status);
            Assert.Equal(FusionBundle.Brings(said[t]), entry.Availability);
            Assert.Equal(["text", "audio", "face"], entry.Availability.Concat(entry.Recovered).OrderBy(name => Modality.All.ToList().IndexOf(name)));
            Assert.Equal(1, entry.Weights.Values.Sum(), 1e-5);
            string[] modalities = ["text", "audio", "face"];
            Assert.All(modalities.Zip(score.Weights), weight => Assert.Equal(weight.Second, entry.Weights[weight.First], 1e-5f));
            Assert.All(score.Probabilities.Zip(FusionBundle.Scorer(LookAhead).Description.Labels), p => Assert.Equal(p.First, entry.Probabilities[p.Second], 1e-5f));
        }
    }

    [Fact]
    public async Task Policy_TextAlone_ScoresAsIfNothingElseHadCome()
    {
        Assert.SkipUnless(PipelineRun.Unavailable is null, PipelineRun.Unavailable ?? "");
        await using var run = await StartAsync(await kafka.BrokerAsync(), [Modality.Text]);
        await run.Cluster.StartSiloAsync();
        var said = Said();

        await run.SendAsync([.. said, new() { ConversationId = "c", Kind = UtteranceKind.End }]);
        await run.AppliedAsync();

        UtteranceEvent[] texts = [.. said.Select(e => e with { Audio = null, Face = null })];
        var request = FusionBundle.Whole(texts);
        var scores = request.Scored.Zip(FusionBundle.Scorer(LookAhead).Score([request])[0].Scores).ToDictionary();
        var entries = Assert.Single(await run.TimelinesAsync()).Entries;
        Assert.Contains(entries, entry => entry is { Label: null, Text: "", Availability.Count: 0 });
        foreach (var (t, score) in scores)
        {
            Assert.Equal(["text"], entries[t].Availability);
            Assert.Equal(["audio", "face"], entries[t].Recovered);
            Assert.Equal(score.Probabilities.Max(), entries[t].Confidence, 1e-5f);
        }
    }

    /// <summary>Modalities come and go; the second half has no face, and every utterance something.</summary>
    private static UtteranceEvent[] Said()
    {
        var random = new Random(12);
        return [.. Enumerable.Range(0, Length).Select(i => FusionBundle.Utterance(random, $"u{i}", i < Length / 2 ? random.Next(1, 8) : random.Next(1, 4)))];
    }

    private async Task<PipelineRun> StartAsync(KafkaBroker broker, string[] allowed)
    {
        var policy = Path.Combine(_directory, "policy.json");
        await File.WriteAllTextAsync(
            policy, $$"""{"id":"test","rules":[{"modalities":["{{string.Join("\",\"", allowed)}}"]}]}""", TestContext.Current.CancellationToken);
        var run = await PipelineRun.StartAsync(broker);
        run.Cluster.Environment["EmoStream__Policy"] = policy;
        run.Cluster.Environment["EmoStream__Bundle"] = FusionBundle.Directory(LookAhead);
        return run;
    }

    private static async Task SendUnknownSpaceAsync(KafkaBroker broker, PipelineRun run, UtteranceEvent like)
    {
        var unknown = like with { UtteranceId = "unknown-space", Face = new() { Features = new("face/other@1", new float[7]) } };
        using var producer = new ProducerBuilder<string, string>(new ProducerConfig { BootstrapServers = broker.BootstrapServers }).Build();
        var value = System.Text.Json.JsonSerializer.Serialize(unknown, ContractsJson.Default.UtteranceEvent);
        await producer.ProduceAsync(run.Cluster.UtterancesTopic, new() { Key = "c", Value = value }, TestContext.Current.CancellationToken);
        using var consumer = new ConsumerBuilder<byte[]?, string>(new ConsumerConfig { BootstrapServers = broker.BootstrapServers, GroupId = "reader" }).Build();
        consumer.Assign(new TopicPartitionOffset(run.Cluster.DeadLetterTopic, 0, Offset.Beginning));
        var letter = consumer.Consume(TestContext.Current.CancellationToken);
        Assert.Equal(value, letter.Message.Value);
        Assert.StartsWith("unknown-feature-space: face", Encoding.UTF8.GetString(letter.Message.Headers.GetLastBytes("emostream-dlq-reason")), StringComparison.Ordinal);
    }
}
