using System.Text;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka;

namespace EmoStream.Tests.Streaming.Kafka;

public sealed class RequestContextHeadersTests
{
    [Fact]
    public void Join_TextsOfTheSender_BesideTheAdaptersHeaders()
    {
        var own = new Headers { { "type", "t"u8.ToArray() } };

        var joined = RequestContextHeaders.Join(own, new() { ["tenant"] = "ä", ["number"] = 7 });

        Assert.Equal(["type", "orleans-context-tenant"], joined!.Select(header => header.Key));
        Assert.Equal("ä"u8.ToArray(), joined![1].GetValueBytes());
        Assert.Single(own);
    }

    [Theory]
    [InlineData("traceparent")]
    [InlineData("TraceState")]
    [InlineData("baggage")]
    [InlineData("#RC_CCR")]
    [InlineData("#")]
    public void JoinAndOf_KeyOfOrleans_NeitherWrittenNorRead(string key)
    {
        var headers = new Headers { { RequestContextHeaders.Prefix + key, Encoding.UTF8.GetBytes("v") } };

        Assert.Null(RequestContextHeaders.Join(null, new() { [key] = "v" }));
        Assert.Null(RequestContextHeaders.Of(headers));

        headers.Add(RequestContextHeaders.Prefix + "tenant#1", "a"u8.ToArray());
        Assert.Equal(new Dictionary<string, string> { ["tenant#1"] = "a" }, RequestContextHeaders.Of(headers));
    }
}
