namespace EmoStream.Silo.Hosting;

/// <summary>
/// Has young objects collected in small portions while the silo has time for it. The longer they pile up, the longer everybody
/// waits for the one pause: at 500 utterances a second on two cores 115 ms every nine seconds, or 20 ms twice a second.
/// Under load the larger budget of the runtime (Runtime.props) decides, which costs less in all.
/// </summary>
internal sealed class YoungCollections(TimeProvider time) : BackgroundService
{
    private static readonly long Portion = (2L << 20) * Environment.ProcessorCount;
    // Of what is allocated between two ticks: 10 MB a second for each core.
    private static readonly long Busy = (1L << 20) * Environment.ProcessorCount;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);

    /// <summary>Whether it is time to collect.</summary>
    /// <param name="uncollected">Bytes that were allocated since the last collection of any kind.</param>
    /// <param name="latest">Those of them that were allocated since the last tick.</param>
    internal static bool IsDue(long uncollected, long latest) => uncollected >= Portion && latest < Busy;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Tick, time);
        var (collections, collectedAt, last) = (-1, 0L, 0L);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            var allocated = GC.GetTotalAllocatedBytes();
            if (collections == GC.CollectionCount(0) && IsDue(allocated - collectedAt, allocated - last))
            {
                GC.Collect(0, GCCollectionMode.Forced, blocking: true);
            }
            if (collections != GC.CollectionCount(0))
            {
                (collections, collectedAt) = (GC.CollectionCount(0), allocated);
            }
            last = allocated;
        }
    }
}
