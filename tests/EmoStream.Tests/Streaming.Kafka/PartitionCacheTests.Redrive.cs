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

    /// <summary>Two redrives at once, or one that was interrupted behind its end: what was said since must not be undone.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void SentAgainOnceMoreBehindTheEnd_PassedOver(bool hasItsTurn)
    {
        using var a = Parked("a");
        SendAgain("a");
        End("a", "t/0@0#1");
        Assert.Equal([1L], Next(a));
        if (hasItsTurn)
        {
            Assert.False(Moves(a));
        }
        Add("a");
        SendAgain("a");
        End("a", "t/0@0#1");
        Add("a");
        Assert.Equal([3L, 6], Next(a));
        Assert.Equal(1, Continued);

        // What lay before the end comes again when reading goes back to it.
        Rewind(1);
        SendAgain("a");
        Assert.Equal([1L], Next(a));
    }

    /// <summary>The former parking has no end of its own: the later one's is for both.</summary>
    [Fact]
    public void SentAgainOnceMoreForAFormerParkingBehindTheEnd_PassedOver()
    {
        using var a = Parked("a");
        var former = _since;
        SendAgain("a");
        RefuseToTheEnd(a, 1);
        SendAgain("a");
        End("a", "t/0@1#2");
        Assert.Equal([2L], Next(a));
        SendAgain("a", since: former); // while the end waits
        Assert.False(Moves(a));
        Assert.Equal(1, Continued);
        SendAgain("a", since: former);
        Add("a");
        Assert.Equal([6L], Next(a));
    }

    [Fact]
    public void SentAgainOnceMoreBehindTheEndAndParkedAnew_IsNoLetterOfThat()
    {
        using var a = Parked("a");
        var former = _since;
        End("a", "t/0@0#1");
        Add("a");
        RefuseToTheEnd(a, 2);
        SendAgain("a", since: former);
        Add("a");
        End("a", "t/0@4#3");
        Assert.False(_cache.Parking.IsParked(Id("a")));
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
