using System.Text;
using EmoStream.Streaming.Kafka.DeadLetters;

namespace EmoStream.Tests.Streaming.Kafka;

public sealed class ParkedStateTests
{
    [Theory]
    [InlineData("utterances", "c-1", "utterances/c-1")]
    [InlineData("utterances", "a/b%2F", "utterances/a/b%2F")]
    [InlineData("shop/orders", "7", "shop%2Forders/7")]
    [InlineData("50%2F%", "7", "50%252F%25/7")]
    [InlineData("/", "/", "%2F//")]
    [InlineData("né", "ü", "né/ü")]
    public void Key_OfAnyNamespace_ComesBackAsTheSameStream(string streamNamespace, string key, string written)
    {
        var stream = StreamId.Create(streamNamespace, key);
        var bytes = ParkedState.KeyOf(stream);
        Assert.Equal(written, Encoding.UTF8.GetString(bytes));
        Assert.Equal(stream, ParkedState.StreamOf(bytes));
        var ofPartition = ParkedState.KeyOf(12, bytes);
        Assert.Equal("12/" + written, Encoding.UTF8.GetString(ofPartition));
        Assert.Equal(stream, ParkedState.StreamOf(12, ofPartition));
        Assert.Null(ParkedState.StreamOf(1, ofPartition));
        Assert.Null(ParkedState.StreamOf(12, null));
    }

    [Theory]
    [InlineData("q8Xw/3@1070", true, false)]
    [InlineData("q8Xw/3@1071", false, true)]
    [InlineData("q8Xw/3@1075", false, true)]
    [InlineData("q8Xw/3@1080", false, true)]
    [InlineData("q8Xw/3@1081", false, false)]
    [InlineData("q8Xw/13@9", false, false)]
    [InlineData("q8Xw/13@1075", false, false)]
    public void Position_BeforeInAndBehindTheLetters(string position, bool before, bool letter)
    {
        var state = Parked("now", "q8Xw/3@1071").With("q8Xw/3@1080", extends: true);
        Assert.Equal(before, state.BeganAfter(position));
        Assert.Equal(letter, state.HasLetterOf(position, null));
        Assert.Equal(letter, state.HasLetterOf(position, "before"));
        Assert.False(state.HasLetterOf(position, "now"));
        // Of the next parking, those before stay where they were.
        var next = (state with { Since = "next", From = "q8Xw/3@2000" }).With("q8Xw/3@2000", extends: false);
        Assert.Equal(letter, next.HasLetterOf(position, "next"));
        Assert.False(next.HasLetterOf(position, "now"));
        Assert.NotEqual(position.StartsWith("q8Xw/13", StringComparison.Ordinal), next.BeganAfter(position));
        Assert.Equal("q8Xw/3@2000#3", next.Mark);
    }

    [Fact]
    public void End_OfAParkingThatWasRefusedAgain_IsOfThoseBeforeItAndStaysKnown()
    {
        var former = Parked("former", "q8Xw/3@5").With("q8Xw/3@6", extends: true);
        var ended = (former with { Since = "now", From = "q8Xw/3@9" }).With("q8Xw/3@9", extends: false).WithEnd("q8Xw/3@20");
        var next = ParkedState.Of((ended with { Since = "next", Ended = false }).With("q8Xw/3@40", extends: false).ToBytes())!;
        Assert.Equal(("q8Xw/3@20", "q8Xw/3@20", null, null), (next.EndOf("former"), next.EndOf("now"), next.EndOf("next"), next.EndOf("another")));
        // One that is accepted and waits ends what has no end yet.
        Assert.Equal(("q8Xw/3@20", "q8Xw/3@50", null), (next.EndOf("now", "q8Xw/3@50"), next.EndOf("next", "q8Xw/3@50"), next.EndOf("another", "q8Xw/3@50")));
        Assert.Equal("q8Xw/3@60", next.WithEnd("q8Xw/3@60").EndOf("next"));
    }

    [Theory]
    [InlineData("q8Xw/3@7", true)]
    [InlineData("q8Xw/3@8", false)]
    [InlineData("q8Xw/3@9", true)]
    [InlineData("q8Xw/3@10", false)]
    [InlineData("anew/3@10", true)]
    public void Names_LettersOfAllParkingsAndOfSourcesThatItDoesNotKnow(string position, bool named)
    {
        var former = Parked("former", "q8Xw/3@9");
        Assert.Equal(named, (former with { Since = "now", From = "q8Xw/3@7" }).With("q8Xw/3@7", extends: false).Names(position));
    }

    [Fact]
    public void With_LettersOfTwoLivesOfTheTopic_OneRangeOfEachAndTheLastIsTheLatest()
    {
        var state = Parked("now", "q8Xw/3@7").With("anew/3@2", extends: true).With("q8Xw/3@9", extends: true);
        Assert.Equal([new("now", "anew/3@2", "anew/3@2"), new("now", "q8Xw/3@7", "q8Xw/3@9")], state.Ranges!);
        Assert.Equal("q8Xw/3@9#3", state.Mark);
        Assert.False(state.IsGone("q8Xw/3", 9));
    }

    [Fact]
    public void With_BehindAFormerOwnersLetters_WhatLiesBetweenIsNotTakenForALetter()
    {
        var state = Parked("now", "q8Xw/3@7").With("q8Xw/3@9", extends: false);
        Assert.False(state.HasLetterOf("q8Xw/3@8", null));
        Assert.Equal("q8Xw/3@9#2", state.Mark);
    }

    [Theory]
    [InlineData("q8Xw/3", 9, false)]
    [InlineData("q8Xw/3", 10, true)]
    [InlineData("q8Xw/1", 10, false)]
    [InlineData("anew/3", 0, true)]
    public void IsGone_WhenTheTopicBeginsBehindAllLettersOrIsAnother(string source, long low, bool gone) =>
        Assert.Equal(gone, Parked("now", "q8Xw/3@7").With("q8Xw/3@9", extends: true).IsGone(source, low));

    [Fact]
    public void Ranges_OfManyParkings_TheLatestStay()
    {
        var state = Parked("0", "q8Xw/3@0");
        for (var i = 1; i < 70; i++) state = (state with { Since = $"{i}" }).With($"q8Xw/3@{i}", extends: false);
        Assert.Equal(Enumerable.Range(5, 65).Select(i => $"{i}"), state.Ranges!.Select(range => range.Since));
        // Those of this parking all stay: their letters are still to be sent.
        for (var i = 70; i < 170; i++) state = state.With($"q8Xw/3@{i}", extends: false);
        Assert.Equal(Enumerable.Range(69, 101).Select(i => $"q8Xw/3@{i}"), state.Ranges!.Where(range => range.Since == "69").Select(range => range.First));
    }

    [Fact]
    public void Bytes_ComeBackAsTheSameState()
    {
        var state = Parked("g:q8Xw/3@7", "q8Xw/3@7") with { Ended = true };
        Assert.Equivalent(state, ParkedState.Of(state.ToBytes()), strict: true);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"since":"g:t/0@0"}""")]
    [InlineData("""{"since":"g:t/0@0","from":null}""")]
    [InlineData("""{"since":7,"from":"t/0@0"}""")]
    [InlineData("""{"since":"g:t/0@0","from":"t/0@0","ranges":[null]}""")]
    [InlineData("""{"since":"g:t/0@0","from":"t/0@0","ranges":[{"since":"g:t/0@0"}]}""")]
    public void Bytes_OfNoState_AreNone(string value) => Assert.Null(ParkedState.Of(Encoding.UTF8.GetBytes(value)));

    [Theory]
    [InlineData("""{"since":"","from":""}""")]
    [InlineData("""{"since":"x","from":"y","ranges":[{"since":"x","first":"a/b@c","last":"@"}]}""")]
    public void Bytes_WithPositionsThatAreNone_HoldNothing(string value)
    {
        var state = ParkedState.Of(Encoding.UTF8.GetBytes(value))!;
        Assert.False(state.HasLetterOf("q8Xw/3@7", null));
        Assert.False(state.BeganAfter("q8Xw/3@7"));
        Assert.Equal("q8Xw/3@7", state.With("q8Xw/3@7", extends: true).Last);
    }

    private static ParkedState Parked(string since, string from) => new ParkedState(since, from, 1763860000000, 4, "System.FormatException").With(from, extends: false);

    [Theory]
    [InlineData("")]
    [InlineData("no separator")]
    [InlineData("no key/")]
    public void Key_Malformed_IsNoStream(string written) => Assert.Null(ParkedState.StreamOf(Encoding.UTF8.GetBytes(written)));
}
