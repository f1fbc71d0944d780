using System.Diagnostics;
using EmoStream.Testing.Ledger;

namespace EmoStream.ChaosTests.Rounds;

/// <summary>What a round came to.</summary>
/// <param name="Schedule">What went wrong.</param>
/// <param name="Sent">Events that were sent while it did.</param>
/// <param name="Disturbed">From the first strike until every timeline was whole: what the faults themselves lasted is in it.</param>
/// <param name="Recovery">From the end of the last fault until every timeline was whole.</param>
/// <param name="Report">Lost, doubled, reordered, wrong.</param>
internal sealed record RoundResult(Schedule Schedule, long Sent, TimeSpan Disturbed, TimeSpan Recovery, DeliveryReport Report);

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
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    public static async Task<RoundResult> RunAsync(World world, Schedule schedule, CancellationToken cancellationToken)
    {
        var before = world.Traffic.Acknowledged;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        ended.CancelAfter(Longest);
        // 1
        world.Traffic.Begin(schedule.Number);
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var speaking = world.Traffic.SpeakAsync(stop.Task, ended.Token);
        // 2
        var strikes = new List<long>();
        var breaking = Task.WhenAll(schedule.Faults.Select(f => BreakAsync(world, f.After, f.Fault, strikes, ended)));
        long repairedAt;
        try
        {
            // Speaking ends by itself only when it fails, and then nothing that a fault waits for comes any more; or because a fault
            // failed, which is then what to tell.
            if (await Task.WhenAny(breaking, speaking) == speaking && !speaking.IsCanceled) await speaking;
            await breaking;
            repairedAt = Stopwatch.GetTimestamp();
            // 3
            await Task.WhenAny(world.Traffic.AfterAsync(Tail), speaking);
            stop.SetResult();
            await speaking;
        }
        finally
        {
            await ended.CancelAsync();
        }

        // 4
        var report = await world.WholeAsync(world.Traffic.Open, Patience);
        var (disturbed, recovery) = (Stopwatch.GetElapsedTime(strikes.Min()), Stopwatch.GetElapsedTime(repairedAt));
        if (report.IsClean) report = await world.WholeAsync([.. world.Traffic.Ledger.Conversations], Patience);
        return new(schedule, world.Traffic.Acknowledged - before, disturbed, recovery, report);
    }

    private static async Task BreakAsync(World world, int after, Fault fault, List<long> strikes, CancellationTokenSource ended)
    {
        try
        {
            await world.Traffic.AfterAsync(after).WaitAsync(ended.Token);
            lock (strikes)
            {
                strikes.Add(Stopwatch.GetTimestamp());
            }

            await fault.RunAsync(world, ended.Token);
        }
        catch
        {
            // The others need not go on.
            await ended.CancelAsync();
            throw;
        }
    }
}
