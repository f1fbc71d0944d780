using EmoStream.Testing.Cluster;
using EmoStream.Testing.Kafka;
using StackExchange.Redis;

namespace EmoStream.IntegrationTests.Pipeline;

/// <summary>Redis has forgotten a conversation whose actor is still in memory: sending its utterances again brings it back.</summary>
public sealed class LostTimelineTests(KafkaFixture kafka)
{
    [Fact]
    public async Task SentAgain_AfterRedisForgotTheConversation_TimelineIsBack()
    {
        Assert.SkipUnless(PipelineRun.Unavailable is null, PipelineRun.Unavailable ?? "");
        await using var run = await PipelineRun.StartAsync(await kafka.BrokerAsync());
        await run.Cluster.StartSiloAsync();
        var said = Meetings.Sample.Where(sent => sent.Kind == Contracts.Events.UtteranceKind.Utterance).Take(20).ToList();
        await run.SendAsync(said);
        await run.AppliedAsync();
        var before = Assert.Single(await run.TimelinesAsync());

        await using (var redis = await ConnectionMultiplexer.ConnectAsync(run.Redis.ConnectionString))
        {
            var keys = redis.GetServers()[0].Keys(pattern: $"emostream:{{{before.ConversationId}}}:*").ToArray();
            Assert.NotEmpty(keys);
            await redis.GetDatabase().KeyDeleteAsync(keys);
        }

        await run.SendAsync(said);
        await run.AppliedAsync();

        var after = Assert.Single(await run.TimelinesAsync());
        Assert.Equal(before.Entries.Select(entry => (entry.UtteranceId, entry.Label)), after.Entries.Select(entry => (entry.UtteranceId, entry.Label)));
    }
}
