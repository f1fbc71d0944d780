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
    }

    [Theory]
    [InlineData("q8Xw/3@1071", 1070, true)]
    [InlineData("q8Xw/3@1071", 1071, false)]
    [InlineData("q8Xw/3@1071", 1072, false)]
    [InlineData("q8Xw/13@1071", 9, false)]
    [InlineData("q8Xw/3@", 9, false)]
    [InlineData("q8Xw/3", 9, false)]
    [InlineData("", 9, false)]
    [InlineData(null, 9, false)]
    public void BeganAfter_OnlyWhatLiesBeforeItInTheSamePartition(string? from, long offset, bool before) =>
        Assert.Equal(before, new ParkedState(3, "", "", 0, from).BeganAfter(RecordPosition.Of("q8Xw/3", offset)));

    [Theory]
    [InlineData("q8Xw/3@1071", 1070, true)]
    [InlineData("q8Xw/3@1071", 1071, true)]
    [InlineData("q8Xw/3@1071", 1072, false)]
    [InlineData("q8Xw/13@1071", 9, false)]
    [InlineData("", 0, false)]
    public void Names_WhatLiesUpToTheLastInTheSamePartition(string last, long offset, bool named) =>
        Assert.Equal(named, new ParkedState(3, "", last, 0).Names(RecordPosition.Of("q8Xw/3", offset)));

    [Theory]
    [InlineData("")]
    [InlineData("no separator")]
    [InlineData("no key/")]
    public void Key_Malformed_IsNoStream(string written) => Assert.Null(ParkedState.StreamOf(Encoding.UTF8.GetBytes(written)));
}
