using EmoStream.Contracts.Events;
using Xunit;

namespace EmoStream.Testing.Cluster;

/// <summary>
/// What every chaos test does around its own disturbance: one undisturbed meeting says how each copy must be scored, the
/// disturbance comes at a moment that a seed picks among the committed entries, and the ledger judges.
/// </summary>
public sealed class Undisturbed(PipelineRun run, int seed)
{
    private const int Copies = 12;

    /// <summary>Entries of all copies and of the reference.</summary>
    private static readonly int Total =
        (Copies + 1) * Meetings.Sample.Where(sent => sent.Kind != UtteranceKind.End).Select(sent => sent.UtteranceId).Distinct().Count();

    private Task _sending = Task.CompletedTask;

    /// <summary>Scores the reference, starts to send the copies, and returns when the seed's share of them is committed.</summary>
    public async Task ReachMiddleAsync()
    {
        await run.SendAsync(Meetings.Sample);
        await run.AppliedAsync();
        var reference = Assert.Single(await run.TimelinesAsync());
        for (var copy = 0; copy < Copies; copy++)
        {
            run.Ledger.Expect(reference.Entries.Select(entry => entry with { ConversationId = Meetings.Id(copy) }));
        }

        _sending = run.SendAsync(Meetings.Copies(Copies, seed));
        // Some moment in the second or third quarter.
        AssertInterrupted(await run.EntriesAsync((Total / 4) + new Random(seed).Next(Total / 2)));
    }

    /// <summary>Fails when all entries are there: then nothing was interrupted and the test shows nothing.</summary>
    public async Task AssertInterruptedAsync() => AssertInterrupted(await run.CountEntriesAsync());

    /// <summary>Waits until Kafka has all of it and all of it is applied.</summary>
    public async Task FinishAsync()
    {
        await _sending;
        await run.AppliedAsync();
    }

    /// <summary>The timelines are those of a run that nothing disturbed.</summary>
    public async Task AssertSameTimelinesAsync()
    {
        var timelines = await run.TimelinesAsync();
        run.Ledger.Compare(timelines).AssertClean();
        Assert.Equal(Total, timelines.Sum(timeline => timeline.Entries.Count));
    }

    private static void AssertInterrupted(long committed) =>
        Assert.True(committed < Total, $"{committed} of {Total} entries are there: nothing was interrupted");
}
