using EmoStream.Contracts.Timeline;
using EmoStream.Testing.Cluster;
using EmoStream.Testing.Kafka;

namespace EmoStream.IntegrationTests.Pipeline;

/// <summary>Meetings through real Kafka, a silo process and redis-server: everything arrives once, in order, scored alike.</summary>
public sealed class MeetingTests(KafkaFixture kafka)
{
    [Fact]
    public async Task Replay_ManyMeetings_EveryUtteranceOnceInOrder()
    {
        await using var run = await StartAsync();
        await run.SendAsync(Meetings.Copies(10, seed: 1));
        await run.AppliedAsync();

        var timelines = await run.TimelinesAsync();

        run.Ledger.Compare(timelines).AssertClean();
        Assert.All(timelines, timeline => Assert.Contains(timeline.Entries, entry => entry.Status == EntryStatus.Retracted));
    }

    [Fact]
    public async Task Replay_SameMeeting_SameScoresWhateverRunsBeside()
    {
        await using var run = await StartAsync();
        await run.SendAsync(Meetings.Copies(5, seed: 2));
        await run.AppliedAsync();

        var timelines = await run.TimelinesAsync();

        var first = timelines.Single(timeline => timeline.ConversationId == Meetings.Id(0));
        for (var copy = 1; copy < 5; copy++)
        {
            run.Ledger.Expect(first.Entries.Select(entry => entry with { ConversationId = Meetings.Id(copy) }));
        }

        run.Ledger.Compare(timelines).AssertClean();
    }

    [Fact]
    public async Task Replay_Again_ChangesNothing()
    {
        await using var run = await StartAsync();
        var plain = Meetings.Sample.Where(sent => sent.Kind == Contracts.Events.UtteranceKind.Utterance).ToList();
        await run.SendAsync(plain);
        await run.AppliedAsync();
        var before = await run.TimelinesAsync();

        await run.SendAsync(plain);
        await run.AppliedAsync();

        var after = await run.TimelinesAsync();
        run.Ledger.Compare(after).AssertClean();
        Assert.Equal(before.Select(timeline => timeline.Change), after.Select(timeline => timeline.Change));
    }

    private async Task<PipelineRun> StartAsync()
    {
        Assert.SkipUnless(PipelineRun.Unavailable is null, PipelineRun.Unavailable ?? "");
        var run = await PipelineRun.StartAsync(await kafka.BrokerAsync());
        await run.Cluster.StartSiloAsync();
        return run;
    }
}
