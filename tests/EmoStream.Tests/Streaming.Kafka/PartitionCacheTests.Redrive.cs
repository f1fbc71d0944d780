using System.Text;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka;
using EmoStream.Streaming.Kafka.DeadLetters;
using Orleans.Streams;

namespace EmoStream.Tests.Streaming.Kafka;

/// <content>A parked stream whose letters are sent again, up to the end that closes them.</content>
/// <remarks>Nothing that goes to Kafka is ever acknowledged here: an end that is asked for its tombstone stays undone, any other is done.</remarks>
public sealed partial class PartitionCacheTests
{
    /// <summary>What the latest parking is called.</summary>
    private string _since = "";

    /// <summary>How many ends had their turn.</summary>
    private int Continued => _logs.Lines.Count(line => line.Contains("a parked stream goes on", StringComparison.Ordinal));

    [Fact]
    public void End_BehindAnEventUnderWay_WaitsUntilThatIsDone()
    {
        using var a = Parked("a");
        SendAgain("a");
        End("a", "t/0@0#1");
        Assert.False(_cache.Parking.IsParked(Id("a")));
        Assert.Equal([1L], Next(a));
        Assert.Equal(0, Continued);
        Fail(a, new TimeoutException());
        _time.Advance(Long);
        Assert.Equal([1L], Next(a));
        Assert.Equal(0, Continued);
        Assert.False(Moves(a));
        Assert.Equal(1, Continued);
        // The letter and the tombstone are still to be acknowledged.
        Assert.Equal(2, _tracker.Records);
    }

    [Fact]
    public void Parked_ReadAgainFromBeforeTheEventGivenUp_WhatLiesBeforeItIsDelivered()
    {
        _next = 7;
        _tracker.StartAt(7);
        using var a = Parked("a");
        Rewind(5);
        Add("a", "a", "a", "a");
        Assert.Equal([5L, 6], Next(a));
        Assert.False(Moves(a));
    }

    [Fact]
    public void Parked_WhatLiesBeforeItIsGivenUp_ParkedFromThereWithTheLettersThatItHasAlready()
    {
        _next = 7;
        _tracker.StartAt(7);
        using var a = Parked("a");
        Rewind(5);
        Add("a");
        _next = 7;
        Add("a");
        RefuseToTheEnd(a, 5);
        End("a", "t/0@7#1");
        Assert.True(_cache.Parking.IsParked(Id("a")));
        End("a", "t/0@5#2");
        Assert.False(_cache.Parking.IsParked(Id("a")));
    }

    [Fact]
    public void Parked_RefusedWhenSentAgain_SentAgainWithWhatBecameALetterMeanwhile()
    {
        using var a = Parked("a");
        SendAgain("a");
        Add("a");
        var former = _since;
        RefuseToTheEnd(a, 1);
        End("a", "t/0@2#2", former);
        Assert.True(_cache.Parking.IsParked(Id("a")));
        End("a", "t/0@1#3");
        Assert.False(_cache.Parking.IsParked(Id("a")));
    }

    [Fact]
    public void Parked_RefusedWhenSentAgain_BeganWhereItLayFirst()
    {
        _next = 3;
        _tracker.StartAt(3);
        using var a = Parked("a");
        SendAgain("a", "t/0@3");
        RefuseToTheEnd(a, 4);
        Rewind(2);
        Add("a", "a");
        Assert.Equal([2L], Next(a));
        Assert.False(Moves(a));
    }

    [Fact]
    public void Parked_AnotherGroupSendsAgainWhatLiesBefore_IsALetterLikeAnyNewRecord()
    {
        _next = 3;
        _tracker.StartAt(3);
        using var a = Parked("a");
        SendAgain("a", "t/0@1", since: "other:t/0@1");
        Assert.False(Moves(a));
    }

    [Fact]
    public void Parked_SecondRefusedWhenSentAgain_TheFirstIsNoLetterWhenItIsReadAgain()
    {
        using var a = Parked("a");
        Add("a");
        SendAgain("a", "t/0@0");
        SendAgain("a", "t/0@1");
        Refuse(a, 2, 3);
        _time.Advance(Long);
        Assert.Equal([2L], Next(a));
        var former = _since;
        RefuseToTheEnd(a, 3);
        Assert.True(_cache.Parking.IsParked(Id("a")));
        Rewind(2);
        SendAgain("a", "t/0@0", former);
        SendAgain("a", "t/0@1", former);
        Assert.Equal([2L], Next(a));
        Assert.False(Moves(a));
    }

    [Fact]
    public void End_NothingBeforeIt_ContinuedAtOnce()
    {
        using var a = Parked("a");
        End("a", "t/0@0#1");
        Assert.Equal(1, Continued);
        Add("a");
        Assert.Equal([2L], Next(a));
    }

    [Theory]
    [InlineData("g:t/0@7", "t/0@0#1")]
    [InlineData(null, "t/0@7#1")]
    [InlineData(null, "t/0@0#2")]
    public void End_OfAnotherParkingOrOvertaken_ChangesNothing(string? since, string mark)
    {
        using var a = Parked("a");
        End("a", mark, since);
        Assert.True(_cache.Parking.IsParked(Id("a")));
        Assert.Equal(0, Continued);
        Assert.False(Moves(a));
        Assert.Equal(1, _tracker.Records);
    }

    [Fact]
    public void End_LiveEventsBehindIt_DeliveredAfterItInOrderAndNeverWithIt()
    {
        using var a = Parked("a");
        SendAgain("a");
        End("a", "t/0@0#1");
        Add("a", "a");
        Assert.Equal([1L], Next(a)); // although three fit into a delivery
        Assert.Equal(0, Continued);
        Assert.Equal([3L, 4], Next(a));
        Assert.Equal(1, Continued);
        Assert.False(Moves(a));
        Assert.Equal(2, _tracker.Records);
    }

    [Fact]
    public void End_EventBeforeItRefusedAgain_ParkedAnewAndTheEndIsNoLetter()
    {
        using var a = Parked("a");
        var former = _since;
        SendAgain("a");
        End("a", "t/0@0#1");
        Add("a");
        RefuseToTheEnd(a, 1);
        Assert.True(_cache.Parking.IsParked(Id("a")));
        Assert.Equal(0, Continued);
        // The letter of before, the event that was refused again and the live one behind it.
        Assert.Equal(3, _tracker.Records);
        Assert.False(Moves(a));

        // The same end once more is none of the new parking; its own is.
        End("a", "t/0@0#1", former);
        Assert.True(_cache.Parking.IsParked(Id("a")));
        End("a", "t/0@3#3");
        Assert.False(_cache.Parking.IsParked(Id("a")));
        Assert.Equal(1, Continued);
    }

    [Fact]
    public void End_TwoSubscribers_WaitsForTheSlowerAndWakesTheOther()
    {
        using var a = Parked("a");
        using var slow = _cache.GetCacheCursor(Id("a"), null);
        SendAgain("a");
        End("a", "t/0@0#1");
        Add("a");
        Next(slow);
        Next(a);
        Assert.False(Moves(a));
        Assert.Equal(0, Continued);
        Assert.Empty(Announced());

        Assert.Equal([3L], Next(slow));
        Assert.Equal(1, Continued);
        Assert.Equal([Id("a")], Announced());
        Assert.Equal([3L], Next(a));
        Assert.False(Moves(a));
        Assert.False(Moves(slow));
        Assert.Equal(2, _tracker.Records);
    }

    [Fact]
    public void End_SlowerSubscriberLeaves_TheOtherIsWoken()
    {
        using var a = Parked("a");
        var slow = _cache.GetCacheCursor(Id("a"), null);
        SendAgain("a");
        End("a", "t/0@0#1");
        Add("a");
        Next(a);
        Assert.False(Moves(a));
        slow.Dispose();
        _cache.TryPurgeFromCache(out _);
        Assert.Equal([Id("a")], Announced());
        Assert.Equal([3L], Next(a));
    }

    [Fact]
    public void End_ReadAgainAfterReadingWentBack_IsAcceptedAgain()
    {
        using var a = Parked("a");
        SendAgain("a");
        End("a", "t/0@0#1");
        Next(a);
        Rewind(1);
        SendAgain("a");
        Assert.Equal([1L], Next(a));
        End("a", "t/0@0#1");
        Assert.Equal(0, Continued);
        Add("a");
        Assert.Equal([3L], Next(a));
        Assert.Equal(1, Continued);
    }

    [Fact]
    public void End_SentTwice_ContinuedOnce()
    {
        using var a = Parked("a");
        SendAgain("a");
        End("a", "t/0@0#1");
        End("a", "t/0@0#1");
        Next(a);
        Assert.False(Moves(a));
        Assert.Equal(1, Continued);
        Assert.Equal(2, _tracker.Records);
    }

    [Fact]
    public void End_WaitsWhileReadingGoesBack_WhatHasItsLetterIsNotDeliveredBesideWhatWasSentAgain()
    {
        using var a = Parked("a");
        Add("a");
        SendAgain("a", "t/0@0");
        SendAgain("a", "t/0@1");
        End("a", "t/0@1#2");
        Next(a);
        Rewind(0);
        Add("a", "a");
        Assert.False(Moves(a));
        SendAgain("a", "t/0@0");
        SendAgain("a", "t/0@1");
        End("a", "t/0@1#2");
        Add("a");
        Assert.Equal([2L, 3], Next(a));
        Assert.Equal(0, Continued);
        Assert.Equal([5L], Next(a));
        Assert.Equal(1, Continued);
    }

    [Fact]
    public void Parked_ReadAgain_TheLettersThatItHasAreEnough()
    {
        using var a = Parked("a");
        Add("a");
        Rewind(0);
        Add("a");
        // Only the first has come again so far; it is not the last one now, and no letter more.
        End("a", "t/0@1#2");
        Assert.Equal(1, Continued);
    }

    /// <summary>A loss may take reading back into the middle of what was parked: what comes first there was sent again behind what lies before.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Ended_ReadAgain_OnlyWhereItWasSentAgainAndInOrder(int from)
    {
        using var a = Parked("a");
        Add("a");
        SendAgain("a", "t/0@0");
        SendAgain("a", "t/0@1");
        End("a", "t/0@1#2");
        Assert.Equal([2L, 3], Next(a));
        Assert.False(Moves(a));
        Assert.Equal(1, Continued);
        Rewind(from);
        Add([.. Enumerable.Repeat("a", 2 - from)]);
        SendAgain("a", "t/0@0");
        SendAgain("a", "t/0@1");
        End("a", "t/0@1#2");
        Add("a");
        Assert.Equal([2L, 3, 5], Next(a));
        Assert.Equal(1, Continued);
    }

    [Fact]
    public void Ended_RefusedWhenItIsReadAgain_ParkedAnewAndWhatIsBetweenIsSentAgainOnce()
    {
        using var a = Parked("a");
        SendAgain("a");
        End("a", "t/0@0#1");
        Assert.Equal([1L], Next(a));
        Assert.False(Moves(a));
        var former = _since;
        Rewind(0);
        Add("a");
        SendAgain("a", since: former);
        RefuseToTheEnd(a, 1);
        Assert.True(_cache.Parking.IsParked(Id("a")));
        End("a", "t/0@0#1", former);
        End("a", "t/0@1#2");
        Assert.False(_cache.Parking.IsParked(Id("a")));
    }

    [Fact]
    public void GiveUp_SlowerSubscriberStillHasEarlierEvents_TheRefusedOneIsNamedAndAllAreLetters()
    {
        _context.Options.GroupId = "g";
        Add("a", "a", "a");
        using var fast = _cache.GetCacheCursor(Id("a"), null);
        using var slow = _cache.GetCacheCursor(Id("a"), null);
        Refuse(fast, 0, 1, 2);
        _time.Advance(Long);
        Assert.Equal([0L], Next(fast));
        RefuseToTheEnd(fast, 1);
        Assert.True(_cache.Parking.IsParked(Id("a")));
        Assert.Contains(_logs.Lines, line => line.Contains("offset 1: given up", StringComparison.Ordinal));
        Assert.False(Moves(slow));
        Assert.False(Moves(fast));
        End("a", "t/0@2#3");
        Assert.False(_cache.Parking.IsParked(Id("a")));
        // The first is a letter, too: nothing before it is.
        Assert.Equal(0, _tracker.Watermark);
    }

    [Fact]
    public void Parked_RefusedWhenSentAgainAfterReadingWentBack_SentAgainWithWhatHasItsLetter()
    {
        using var a = Parked("a");
        Add("a");
        SendAgain("a", "t/0@0");
        SendAgain("a", "t/0@1");
        Add("a");
        var former = _since;
        Rewind(2);
        SendAgain("a", "t/0@0", former);
        SendAgain("a", "t/0@1", former);
        Add("a");
        Refuse(a, 2, 3);
        _time.Advance(Long);
        RefuseToTheEnd(a, 2);
        End("a", "t/0@4#3", former);
        Assert.True(_cache.Parking.IsParked(Id("a")));
        End("a", "t/0@3#5");
        Assert.False(_cache.Parking.IsParked(Id("a")));
    }

    /// <summary>The last letter was left out, so nothing of it waits in the queue.</summary>
    [Fact]
    public void End_AcceptedAndAnEventBeforeItRefused_ParkedAnewWithTheLetterThatWasLeftOut()
    {
        using var a = Parked("a");
        SendAgain("a");
        Add("a");
        End("a", "t/0@2#2");
        Assert.False(_cache.Parking.IsParked(Id("a")));
        RefuseToTheEnd(a, 1);
        Assert.True(_cache.Parking.IsParked(Id("a")));
        Add("a");
        Assert.False(Moves(a));
        End("a", "t/0@4#4");
        Assert.False(_cache.Parking.IsParked(Id("a")));
    }

    /// <summary>A redrive that had no answer in time sends its last letter once more, and that one is refused.</summary>
    [Fact]
    public void Parked_ByWhatWasSentAgainOnceMore_WhatWasDeliveredBetweenIsNotTakenForALetter()
    {
        using var a = Parked("a");
        SendAgain("a");
        End("a", "t/0@0#1");
        Add("a");
        SendAgain("a");
        Assert.Equal([1L], Next(a));
        Refuse(a, 3, 4);
        _time.Advance(Long);
        Assert.Equal([3L], Next(a));
        RefuseToTheEnd(a, 4);
        Rewind(3);
        Add("a");
        Assert.Equal([3L], Next(a));
    }

    [Fact]
    public void Fenced_NothingIsParkedContinuedOrDone()
    {
        using var a = Parked("a");
        using var b = _cache.GetCacheCursor(Id("b"), null);
        SendAgain("a");
        End("a", "t/0@0#1");
        Add("b");
        Next(a);
        _cache.Parking.Fence();
        Assert.False(Moves(a));
        RefuseToTheEnd(b, 3);
        Add("a");
        Assert.Equal(0, Continued);
        Assert.False(_cache.Parking.IsParked(Id("b")));
        // The letter, the end and both live ones; what was sent again is done.
        Assert.Equal(4, _tracker.Records);
    }

    /// <summary>Nor delivered: what was given up meanwhile would be a gap before it.</summary>
    [Fact]
    public void Fenced_WhatComes_IsNotDoneUntilReadingBeginsAnew()
    {
        using var a = Parked("a");
        using var b = _cache.GetCacheCursor(Id("b"), null);
        _cache.Parking.Fence();
        Add("a", "b");
        End("a", "t/0@0#1");
        Assert.False(Moves(a));
        Assert.False(Moves(b));
        Assert.Equal(4, _tracker.Records);
        // Of a time before the states are loaded again.
        Rewind(1);
        Add("a", "b");
        Assert.False(Moves(b));
    }

    /// <summary>A stream whose first event, at offset 0, was given up.</summary>
    private IQueueCacheCursor Parked(string stream)
    {
        _context.Options.GroupId = "g";
        var offset = _next;
        Add(stream);
        var cursor = _cache.GetCacheCursor(Id(stream), null);
        RefuseToTheEnd(cursor, offset);
        Assert.True(_cache.Parking.IsParked(Id(stream)));
        Assert.Empty(Announced());
        return cursor;
    }

    /// <summary>Every attempt that the schedule has.</summary>
    private void RefuseToTheEnd(IQueueCacheCursor cursor, long offset)
    {
        _since = ParkedState.NameOf("g", $"t/0@{offset}");
        for (var i = 0; i < 3; i++)
        {
            Refuse(cursor, offset);
            _time.Advance(Long);
        }
    }

    private void SendAgain(string stream, string origin = "t/0@0", string? since = null)
    {
        Headers headers =
        [
            new Header(DeadLetterHeaders.Redrive, Encoding.UTF8.GetBytes(since ?? _since)),
            new Header(DeadLetterHeaders.RedriveOrigin, Encoding.UTF8.GetBytes(origin)),
        ];
        _cache.AddToCache([Read(stream, stream, new() { Message = new() { Headers = headers } })]);
    }

    private void End(string stream, string mark, string? since = null) => _cache.AddToCache([Read(stream, new RedriveEnd(Id(stream), since ?? _since, mark), null)]);
}
