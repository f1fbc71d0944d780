using System.Diagnostics;
using EmoStream.Testing.Ledger;

namespace EmoStream.ChaosTests.Rounds;

/// <summary>What a round came to.</summary>
/// <param name="Schedule">What went wrong.</param>
/// <param name="Sent">Events that were sent while it did.</param>
/// <param name="Recovery">From the end of the last fault until every timeline was whole.</param>
/// <param name="Report">Lost, doubled, reordered, wrong.</param>
internal sealed record RoundResult(Schedule Schedule, long Sent, TimeSpan Recovery, DeliveryReport Report);

/// <summary>
/// One round:
/// <code>
/// 1 speak      new conversations, and the standing ones go on
/// 2 break      each fault at its number of acknowledged events
/// 3 speak on   a little, when all is repaired
/// 4 judge      the ledger, until nothing is missing; then all conversations of the world so far
/// </code>
/// </summary>
internal static class Round
{
    private const int Tail = 100;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    public static async Task<RoundResult> RunAsync(World world, Schedule schedule, CancellationToken cancellationToken)
    {
        var before = world.Traffic.Acknowledged;
        // 1
        world.Traffic.Begin(schedule.Number);
        using var failed = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var speaking = world.Traffic.SpeakAsync(stop.Task, failed.Token);
        long repairedAt;
        try
        {
            // 2
            await Task.WhenAll(schedule.Faults.Select(f => BreakAsync(world, f.After, f.Fault, failed.Token)));
            repairedAt = Stopwatch.GetTimestamp();
            // 3
            await world.Traffic.AfterAsync(Tail).WaitAsync(failed.Token);
            stop.SetResult();
            await speaking;
        }
        catch
        {
            await failed.CancelAsync();
            throw;
        }

        // 4
        var report = await world.WholeAsync(world.Traffic.Open, Patience);
        var recovery = Stopwatch.GetElapsedTime(repairedAt);
        if (report.IsClean) report = await world.WholeAsync([.. world.Traffic.Ledger.Conversations], Patience);
        return new(schedule, world.Traffic.Acknowledged - before, recovery, report);
    }

    private static async Task BreakAsync(World world, int after, Fault fault, CancellationToken cancellationToken)
    {
        await world.Traffic.AfterAsync(after).WaitAsync(cancellationToken);
        await fault.RunAsync(world, cancellationToken);
    }
}
