using System.Diagnostics;
using CsCheck;
using EmoStream.Streaming.Kafka.Reading;

namespace EmoStream.Tests.Streaming.Kafka;

public sealed class OffsetTrackerTests
{
    [Fact]
    public void Watermark_NothingKnown_IsNull() => Assert.Null(new OffsetTracker(10, 1000).Watermark);

    [Fact]
    public void Watermark_NothingRead_IsTheStart()
    {
        var tracker = new OffsetTracker(10, 1000);
        tracker.StartAt(42);
        Assert.Equal(42, tracker.Watermark);
    }

    [Fact]
    public void SkipTo_BehindTheLastRecord_IsTheWatermarkOnceAllIsDone()
    {
        var tracker = new OffsetTracker(10, 1000);
        tracker.StartAt(42);
        var record = new PendingOffset(42, 1);
        tracker.Add(record);
        tracker.SkipTo(45);
        Assert.Equal(42, tracker.Watermark);
        tracker.Complete(record);
        Assert.Equal(45, tracker.Watermark);
        tracker.SkipTo(44);
        Assert.Equal(45, tracker.Watermark);
    }

    /// <summary>Against the definition: the lowest unfinished offset, else behind the last one; offsets have holes, as after compaction.</summary>
    [Fact]
    public void Watermark_AnyOrderOfCompletion_IsTheLowestUnfinished() =>
        Gen.Select(Gen.Int[1, 5].Array[1, 60], Gen.Int[0, int.MaxValue]).Sample((steps, seed) =>
        {
            var tracker = new OffsetTracker(1000, 1_000_000);
            tracker.StartAt(100);
            List<PendingOffset> open = [];
            var random = new Random(seed);
            long next = 100;
            foreach (var step in steps)
            {
                var record = new PendingOffset(next + step - 1, 1);
                next = record.Offset + 1;
                tracker.Add(record);
                open.Add(record);
                while (open.Count > 0 && random.Next(3) > 0)
                {
                    var done = open[random.Next(open.Count)];
                    open.Remove(done);
                    tracker.Complete(done);
                    tracker.Complete(done);
                }
                Assert.Equal(open.Count == 0 ? next : open.Min(o => o.Offset), tracker.Watermark);
                Assert.Equal(open.Count, tracker.Records);
                Assert.Equal(open.Count, tracker.Bytes);
            }
            foreach (var record in open)
            {
                tracker.Complete(record);
            }
            Assert.Equal(next, tracker.Watermark);
        });

    [Fact]
    public void Rewind_OldRecordsNotDone_TakeNoRoomAndCompleteNothing()
    {
        var tracker = new OffsetTracker(3, 1000);
        tracker.StartAt(10);
        PendingOffset[] old = [new(10, 1), new(11, 1), new(12, 1)];
        Array.ForEach(old, tracker.Add);
        tracker.Rewind(10);
        Assert.True(tracker.WaitForRoom(TimeSpan.Zero));
        PendingOffset[] again = [new(10, 1), new(11, 1)];
        Array.ForEach(again, tracker.Add);
        Array.ForEach(old, tracker.Complete);
        Assert.Equal((10, 2, 2), (tracker.Watermark, tracker.Records, tracker.Bytes));
        Array.ForEach(again, tracker.Complete);
        Assert.Equal((12, 0, 0), (tracker.Watermark, tracker.Records, tracker.Bytes));
    }

    [Fact]
    public void HoldsEarlier_RecordsNotDoneWhenReadingWentBack_UntilDoneOrTheNewOnesAreTakenUp()
    {
        var tracker = new OffsetTracker(10, 1000);
        tracker.StartAt(10);
        PendingOffset[] first = [new(10, 1), new(11, 1), new(12, 1)];
        Array.ForEach(first, tracker.Add);
        tracker.Complete(first[0]);
        Assert.False(tracker.HoldsEarlier);

        tracker.Rewind(11);
        Assert.True(tracker.HoldsEarlier);
        PendingOffset[] second = [new(11, 1), new(12, 1)];
        Array.ForEach(second, tracker.Add);
        tracker.TakeUp(second[0]);
        Assert.False(tracker.HoldsEarlier);

        // Those that are forgotten are not counted twice, whatever becomes of them.
        tracker.Rewind(11);
        Array.ForEach(first, tracker.Complete);
        tracker.Complete(second[0]);
        Assert.True(tracker.HoldsEarlier);
        tracker.Complete(second[1]);
        Assert.False(tracker.HoldsEarlier);
    }

    [Fact]
    public void Restart_OldRecordsNotDone_TakeRoomButHoldNoOffset()
    {
        var tracker = new OffsetTracker(4, 1000);
        tracker.StartAt(10);
        PendingOffset[] old = [new(10, 1), new(11, 1), new(12, 1)];
        Array.ForEach(old, tracker.Add);
        tracker.Restart(0);
        Assert.Equal(0, tracker.Watermark);
        var fresh = new PendingOffset(0, 1);
        tracker.Add(fresh);
        Assert.Equal(0, tracker.Watermark);
        Assert.False(tracker.WaitForRoom(TimeSpan.Zero));

        tracker.Complete(old[1]);
        tracker.Complete(old[0]);
        tracker.Complete(old[2]);
        Assert.Equal(0, tracker.Watermark);
        Assert.Equal(1, tracker.Records);
        var second = new PendingOffset(1, 1);
        tracker.Add(second);
        tracker.Complete(fresh);
        Assert.Equal(1, tracker.Watermark);
        tracker.Complete(second);
        Assert.Equal(2, tracker.Watermark);
        Assert.Equal(0, tracker.Records);
    }

    [Theory]
    [InlineData(2, 1000)]
    [InlineData(1000, 20)]
    public void WaitForRoom_FullByRecordsOrBytes_OnlyAfterCompletion(int records, long bytes)
    {
        var tracker = new OffsetTracker(records, bytes);
        var first = new PendingOffset(0, 10);
        tracker.Add(first);
        Assert.True(tracker.WaitForRoom(TimeSpan.Zero));
        tracker.Add(new PendingOffset(1, 10));
        Assert.False(tracker.WaitForRoom(TimeSpan.Zero));
        tracker.Complete(first);
        Assert.True(tracker.WaitForRoom(TimeSpan.Zero));
    }

    [Fact]
    public async Task WaitForRoom_CompletionOnAnotherThread_Wakes()
    {
        var tracker = new OffsetTracker(1, 1000);
        var record = new PendingOffset(0, 1);
        tracker.Add(record);
        var waiting = Task.Factory.StartNew(
            () => tracker.WaitForRoom(TimeSpan.FromMinutes(1)), TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        tracker.Complete(record);
        Assert.True(await waiting);
    }

    [Fact]
    public async Task WaitForRoom_LessThanAnEighthEverGetsFree_GoesOnWithThat()
    {
        var tracker = new OffsetTracker(100, 1_000);
        var records = Enumerable.Range(0, 100).Select(i => new PendingOffset(i, 1)).ToList();
        records.ForEach(tracker.Add);
        var waiting = Task.Factory.StartNew(
            () => tracker.WaitForRoom(TimeSpan.FromMinutes(1)), TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        tracker.Complete(records[50]);
        Assert.True(await waiting);
    }

    [Fact]
    public void WaitForRoom_LessThanAnEighthFree_WaitsForMoreBeforeItReadsOn()
    {
        var tracker = new OffsetTracker(100, 1_000);
        var records = Enumerable.Range(0, 100).Select(i => new PendingOffset(i, 1)).ToList();
        records.ForEach(tracker.Add);
        long wokenAt = 0;
        var reader = new Thread(() =>
        {
            tracker.WaitForRoom(TimeSpan.FromMinutes(1));
            wokenAt = Stopwatch.GetTimestamp();
        });
        reader.Start();
        SpinWait.SpinUntil(() => reader.ThreadState.HasFlag(System.Threading.ThreadState.WaitSleepJoin));

        var freedAt = Stopwatch.GetTimestamp();
        records.Take(3).ToList().ForEach(tracker.Complete);
        reader.Join();

        // The moment is 25 ms; a few less for what the clocks' ticks may hide.
        Assert.InRange(Stopwatch.GetElapsedTime(freedAt, wokenAt).TotalMilliseconds, 15, double.MaxValue);
    }
}
