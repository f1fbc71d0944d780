namespace EmoStream.Tests.Streaming.Kafka;

/// <content>A parked stream, or one that was, when reading goes back: after a loss, a hand-over, because somebody asked for it.</content>
public sealed partial class PartitionCacheTests
{
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

    [Fact]
    public void Fenced_NothingIsParkedContinuedOrDone()
    {
        using var a = Parked("a");
        using var b = _cache.GetCacheCursor(Id("b"), null);
        SendAgain("a");
        End("a", "t/0@0#1");
        Add("b");
        Next(a);
        for (var i = 0; i < 2; i++)
        {
            Refuse(b, 3);
            _time.Advance(Long);
        }
        Assert.Equal([3L], Next(b));
        _cache.Parking.Fence();
        Assert.False(Moves(a));
        Fail(b, new InvalidOperationException()); // the last of its attempts
        Add("a");
        Assert.Equal(0, Continued);
        Assert.False(_cache.Parking.IsParked(Id("b")));
        // The letter, the end and both live ones; what was sent again is done.
        Assert.Equal(4, _tracker.Records);
    }

    /// <summary>The later owner may have parked it: a redrive brings it at another offset.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Fenced_WhatWasReadBefore_IsNotDelivered(bool parks)
    {
        if (!parks)
        {
            _context.Options.RetryDelays.Clear();
        }
        Add("a", "b");
        using var a = _cache.GetCacheCursor(Id("a"), null);
        using var b = _cache.GetCacheCursor(Id("b"), null);
        Assert.Equal([0L], Next(a));
        Add("a");
        _cache.Parking.Fence();
        Assert.False(Moves(a));
        Assert.False(Moves(b));
        Assert.Equal(1, _tracker.Watermark);
        if (parks)
        {
            return; // asks Kafka for what is parked
        }
        Rewind(1);
        _cache.Parking.Load(_origin, 0, TestContext.Current.CancellationToken);
        Add("b");
        Assert.Equal([1L], Next(b));
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
}
