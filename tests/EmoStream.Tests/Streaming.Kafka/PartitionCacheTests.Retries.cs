using System.Text.RegularExpressions;
using EmoStream.Streaming.Kafka;
using EmoStream.Streaming.Kafka.Cache;
using EmoStream.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace EmoStream.Tests.Streaming.Kafka;

/// <content>What happens to an event that its grain refuses.</content>
public sealed partial class PartitionCacheTests
{
    [Fact]
    public void RecordDeliveryFailure_ThenMoveNext_SameEventsAndWhatCameSince()
    {
        Add("a");
        using var cursor = _cache.GetCacheCursor(Id("a"), null);
        Assert.Equal([0L], Next(cursor));
        cursor.RecordDeliveryFailure();
        Add("a");
        _time.Advance(Long);
        Assert.Equal([0L, 1], Next(cursor));
        Assert.Equal(0, _tracker.Watermark);
        Assert.False(Moves(cursor));
        Assert.Equal(2, _tracker.Watermark);
    }

    [Fact]
    public void RecordDeliveryFailure_PauseNotOver_NothingForThisStreamAndEverythingForOthers()
    {
        Add("a", "b");
        using var a = _cache.GetCacheCursor(Id("a"), null);
        using var b = _cache.GetCacheCursor(Id("b"), null);
        Refuse(a);
        Assert.False(Moves(a));
        Assert.Equal([1L], Next(b));
        Assert.Empty(Announced());
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([Id("a")], Announced());
        Assert.Equal([0L], Next(a));
    }

    [Fact]
    public void RecordDeliveryFailure_EachRetryDelayOnceThenGivenUp_StreamLeavesAndOthersStay()
    {
        Add("a", "b", "a");
        using var a = _cache.GetCacheCursor(Id("a"), null);
        using var b = _cache.GetCacheCursor(Id("b"), null);
        Refuse(a); // both of "a": not known which of them
        _time.Advance(TimeSpan.FromSeconds(1));
        Refuse(a, 0);
        _time.Advance(TimeSpan.FromSeconds(1));
        Refuse(a, 0);
        _time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(Moves(a));
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.False(_cache.Parking.IsParked(Id("a")));
        Refuse(a, 0);
        Assert.True(_cache.Parking.IsParked(Id("a")));

        Add("a", "b");
        _time.Advance(Long);
        Assert.False(Moves(a));
        Assert.Equal([1L, 4], Next(b));
        // Not done before the dead-letter topic has it.
        Assert.False(Moves(b));
        Assert.Equal(0, _tracker.Watermark);
        Assert.Equal(3, _tracker.Records);
        Assert.Equal(3, _cache.Parking.Pending);
    }

    [Fact]
    public void RecordDeliveryFailure_OneOfABatchRefused_ThoseBeforeAreTakenAndItAloneIsGivenUp()
    {
        Add("a", "a", "a");
        using var a = _cache.GetCacheCursor(Id("a"), null);
        Refuse(a);
        _time.Advance(Long);
        Assert.Equal([0L], Next(a));
        Refuse(a, 1);
        Assert.Equal(1, _tracker.Watermark);
        _time.Advance(Long);
        Refuse(a, 1);
        _time.Advance(Long);
        Assert.Equal([1L], Next(a));
        Assert.Equal([2L], Next(a));
        Assert.False(Moves(a));
        Assert.Equal(3, _tracker.Watermark);
        Assert.False(_cache.Parking.IsParked(Id("a")));
    }

    public static TheoryData<Exception?> Transient => new(
        (Exception?)null, new TimeoutException(), new OperationCanceledException(), new SiloUnavailableException(), new InvalidDataException());

    [Theory]
    [MemberData(nameof(Transient))]
    public void RecordDeliveryFailure_Transient_NeverGivenUpAndTheBatchStaysWhole(Exception? failure)
    {
        _context.Options.IsTransient = e => e is InvalidDataException;
        Add("a", "a");
        using var a = _cache.GetCacheCursor(Id("a"), null);
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal([0L, 1], Next(a));
            Fail(a, failure);
            _time.Advance(_context.Options.MaxRetryDelay);
        }
        Assert.False(_cache.Parking.IsParked(Id("a")));
    }

    /// <summary>A time-out by its base class, and one that the same text always has.</summary>
    [Fact]
    public void RecordDeliveryFailure_RegularExpressionTimesOut_GivenUp()
    {
        Add("a");
        using var a = _cache.GetCacheCursor(Id("a"), null);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal([0L], Next(a));
            Fail(a, new RegexMatchTimeoutException());
            _time.Advance(Long);
        }
        Assert.True(_cache.Parking.IsParked(Id("a")));
    }

    [Fact]
    public void RecordDeliveryFailure_ManyStreamsFailAndNoneSucceeds_NothingIsGivenUp()
    {
        string[] streams = ["a", "b", "c", "d", "e"];
        Assert.Equal(DeliveryHealth.Many, streams.Length);
        Add(streams);
        var cursors = streams.Select(s => _cache.GetCacheCursor(Id(s), null)).ToArray();
        for (var i = 0; i < 20; i++)
        {
            foreach (var cursor in cursors)
            {
                Refuse(cursor);
            }
            _time.Advance(Long);
        }
        Assert.All(streams, s => Assert.False(_cache.Parking.IsParked(Id(s))));

        // One succeeds: what still fails is refused for itself.
        Next(cursors[4]);
        Assert.False(Moves(cursors[4]));
        Refuse(cursors[0]);
        _time.Advance(Long);
        Refuse(cursors[0]); // the third: its first one counted, too, before the others failed
        Assert.True(_cache.Parking.IsParked(Id("a")));
    }

    [Fact]
    public void RecordDeliveryFailure_TwoStreamsRefusedAndNobodyElseThere_BothGivenUp()
    {
        Add("a", "b");
        using var a = _cache.GetCacheCursor(Id("a"), null);
        using var b = _cache.GetCacheCursor(Id("b"), null);
        for (var i = 0; i < 3; i++)
        {
            Refuse(a);
            Refuse(b);
            _time.Advance(Long);
        }
        Assert.True(_cache.Parking.IsParked(Id("a")));
        Assert.True(_cache.Parking.IsParked(Id("b")));
    }

    [Fact]
    public void GiveUp_TwoSubscribers_TheOtherGoesOnBehindIt()
    {
        Add("a");
        using var ill = _cache.GetCacheCursor(Id("a"), null);
        using var well = _cache.GetCacheCursor(Id("a"), null);
        Next(well);
        for (var i = 0; i < 3; i++)
        {
            Refuse(ill);
            _time.Advance(Long);
        }
        Assert.True(_cache.Parking.IsParked(Id("a")));
        Assert.False(Moves(well));
        Assert.False(Moves(ill));
        Assert.Equal(0, _tracker.Watermark);
    }

    [Fact]
    public void RecordDeliveryFailure_NoRetryDelays_DeliveredWithoutEnd()
    {
        _context.Options.RetryDelays.Clear();
        Add("a");
        using var a = _cache.GetCacheCursor(Id("a"), null);
        for (var i = 0; i < 50; i++)
        {
            Refuse(a, 0);
            _time.Advance(_context.Options.MaxRetryDelay);
        }
        Assert.Equal([0L], Next(a));
    }

    [Fact]
    public async Task StartWait_FailureMeanwhile_EndsWhenItsPauseDoes()
    {
        Add("a");
        using var a = _cache.GetCacheCursor(Id("a"), null);
        var ended = new TaskCompletionSource();
        using var registration = _cache.StartWait(Long).Token.Register(ended.SetResult);
        Refuse(a);
        Assert.False(ended.Task.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));
        await ended.Task.WaitAsync(Eventually.Timeout, TestContext.Current.CancellationToken);
        _cache.EndWait();
        Assert.Equal([Id("a")], Announced());
    }
}
