using EmoStream.Contracts.Events;
using EmoStream.Testing.Cluster;
using EmoStream.Testing.Kafka;

namespace EmoStream.ChaosTests.Silos;

/// <summary>
/// Silos die in the middle of the work, at a moment that a seed picks by the number of committed entries: the timelines
/// end up as those of a run that nothing disturbed.
/// </summary>
public sealed class SiloKillTests(KafkaFixture kafka)
{
    private const int Copies = 12;

    /// <summary>Entries of all copies and of the reference.</summary>
    private static readonly int Total =
        (Copies + 1) * Meetings.Sample.Where(sent => sent.Kind != UtteranceKind.End).Select(sent => sent.UtteranceId).Distinct().Count();

    [Theory]
    [InlineData(11)]
    [InlineData(42)]
    public async Task Kill_OnlySiloThenRestart_SameTimelines(int seed)
    {
        await using var run = await StartAsync();
        var silo = await run.Cluster.StartSiloAsync();
        await ReferenceAsync(run);

        var sending = run.SendAsync(Meetings.Copies(Copies, seed));
        await run.EntriesAsync(Moment(seed));
        await silo.KillAsync();
        await AssertInTheMiddleAsync(run);
        await run.Cluster.StartSiloAsync();
        await sending;

        await AssertUndisturbedAsync(run);
    }

    [Fact]
    public async Task Kill_OneOfTwoSilos_OtherTakesOver()
    {
        await using var run = await StartAsync();
        var first = await run.Cluster.StartSiloAsync();
        await run.Cluster.StartSiloAsync();
        await ReferenceAsync(run);

        var sending = run.SendAsync(Meetings.Copies(Copies, seed: 7));
        await run.EntriesAsync(Moment(7));
        await first.KillAsync();
        await AssertInTheMiddleAsync(run);
        await sending;

        await AssertUndisturbedAsync(run);
    }

    [Fact]
    public async Task Freeze_OneOfTwoSilos_WhatItWritesAfterwardsIsRefused()
    {
        await using var run = await StartAsync();
        var first = await run.Cluster.StartSiloAsync();
        await run.Cluster.StartSiloAsync();
        await ReferenceAsync(run);

        var sending = run.SendAsync(Meetings.Copies(Copies, seed: 5));
        await run.EntriesAsync(Moment(5));
        first.Freeze();
        await sending;
        await run.AppliedAsync();
        first.Thaw();
        // It learns that the others have declared it dead, and ends; until then it may try to write.
        await first.EndedAsync();

        await AssertUndisturbedAsync(run);
    }

    [Fact]
    public async Task Stop_OnlySiloThenStart_SameTimelines()
    {
        await using var run = await StartAsync();
        var silo = await run.Cluster.StartSiloAsync();
        await ReferenceAsync(run);

        var sending = run.SendAsync(Meetings.Copies(Copies, seed: 3));
        await run.EntriesAsync(Moment(3));
        Assert.Equal(0, await silo.StopAsync());
        await run.Cluster.StartSiloAsync();
        await sending;

        await AssertUndisturbedAsync(run);
    }

    /// <summary>Some time in the second and third quarter of the run, counted in committed entries.</summary>
    private static int Moment(int seed) => (Total / 4) + new Random(seed).Next(Total / 2);

    private static async Task AssertInTheMiddleAsync(PipelineRun run)
    {
        var committed = await run.CountEntriesAsync();
        Assert.True(committed < Total, $"{committed} of {Total} entries were there when the silo died: nothing was interrupted");
    }

    /// <summary>One undisturbed meeting says how every copy of it must be scored.</summary>
    private static async Task ReferenceAsync(PipelineRun run)
    {
        await run.SendAsync(Meetings.Sample);
        await run.AppliedAsync();
        var reference = Assert.Single(await run.TimelinesAsync());
        for (var copy = 0; copy < Copies; copy++)
        {
            run.Ledger.Expect(reference.Entries.Select(entry => entry with { ConversationId = Meetings.Id(copy) }));
        }
    }

    private static async Task AssertUndisturbedAsync(PipelineRun run)
    {
        await run.AppliedAsync();
        var timelines = await run.TimelinesAsync();
        run.Ledger.Compare(timelines).AssertClean();
        Assert.Equal(Total, timelines.Sum(timeline => timeline.Entries.Count));
    }

    private async Task<PipelineRun> StartAsync()
    {
        Assert.SkipUnless(PipelineRun.Unavailable is null, PipelineRun.Unavailable ?? "");
        return await PipelineRun.StartAsync(await kafka.BrokerAsync());
    }
}
