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
    [InlineData("g:q8Xw/3@1071", "q8Xw/3", 1070, true)]
    [InlineData("g:q8Xw/3@1071", "q8Xw/3", 1071, false)]
    [InlineData("g:q8Xw/3@1071", "q8Xw/3", 1072, false)]
    [InlineData("a:b@c:q8Xw/3@1071", "q8Xw/3", 9, true)]
    [InlineData("g:q8Xw/13@1071", "q8Xw/3", 9, false)]
    [InlineData("g:q8Xw/3@1071", "8Xw/3", 9, false)]
    [InlineData("g:q8Xw/3@1071", "zzzz/3", 9, false)]
    [InlineData("g:q8Xw/3@", "q8Xw/3", 9, false)]
    [InlineData("", "q8Xw/3", 9, false)]
    public void BeganAfter_OnlyWhatLiesBeforeItInTheSamePartition(string since, string source, long offset, bool before) =>
        Assert.Equal(before, new ParkedState(3, since, "", 0).BeganAfter(source, offset));

    [Theory]
    [InlineData("", "q8Xw/3@12")]
    [InlineData("q8Xw/3@11", "q8Xw/3@12")]
    [InlineData("q8Xw/3@13", "q8Xw/3@13")]
    [InlineData("q8Xw/13@13", "q8Xw/3@12")]
    public void UpTo_TheLaterOneInTheSamePartition(string last, string then) => Assert.Equal(then, new ParkedState(3, "", last, 0).UpTo("q8Xw/3", 12).Last);

    [Theory]
    [InlineData("")]
    [InlineData("no separator")]
    [InlineData("no key/")]
    public void Key_Malformed_IsNoStream(string written) => Assert.Null(ParkedState.StreamOf(Encoding.UTF8.GetBytes(written)));
}
