using EmoStream.Contracts.Events;
using EmoStream.Contracts.Timeline;
using Xunit;

namespace EmoStream.Testing.Cluster;

/// <summary>
/// What every chaos test does around its own disturbance: one undisturbed meeting says how each copy must be scored, the
/// disturbance comes at a moment that a seed picks among the committed entries, and the ledger judges.
/// </summary>
public sealed class Undisturbed(PipelineRun run, int seed)
{
    private const int Copies = 12;

    private static readonly int EntriesPerMeeting =
        Meetings.Sample.Where(sent => sent.Kind != UtteranceKind.End).Select(sent => sent.UtteranceId).Distinct().Count();

    private readonly List<TimelineEntry> _reference = [];
    private Task _sending = Task.CompletedTask;
    private int _meetings;

    private int Total => _meetings * EntriesPerMeeting;

    /// <summary>Scores the reference, starts to send the copies, and returns when the seed's share of them is committed.</summary>
    public async Task ReachMiddleAsync()
    {
        await run.SendAsync(Meetings.Sample);
        await run.AppliedAsync();
        _reference.AddRange(Assert.Single(await run.TimelinesAsync()).Entries);
        _meetings = 1;
        StartSending();
        // Some moment in the second or third quarter.
        AssertInterrupted(await run.EntriesAsync((Total / 4) + new Random(seed).Next(Total / 2)));
    }

    /// <summary>Sends as many meetings again, for every partition.</summary>
    public async Task SendMoreAsync()
    {
        await _sending;
        StartSending();
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

    private void StartSending()
    {
        var first = _meetings - 1;
        for (var copy = first; copy < first + Copies; copy++)
        {
            run.Ledger.Expect(_reference.Select(entry => entry with { ConversationId = Meetings.Id(copy) }));
        }

        _meetings += Copies;
        _sending = run.SendAsync(Meetings.Copies(Copies, seed, first));
    }

    private void AssertInterrupted(long committed) =>
        Assert.True(committed < Total, $"{committed} of {Total} entries are there: nothing was interrupted");
}
