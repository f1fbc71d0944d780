using CsCheck;
using EmoStream.Streaming.Kafka;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
using Orleans.Streams;

namespace EmoStream.Tests.Streaming.Kafka;

public sealed class KafkaSequenceTokenTests
{
    [Fact]
    public void CompareTo_SameSource_OrdersByOffset() =>
        Gen.Select(Gen.Long, Gen.Long).Sample((a, b) =>
        {
            var (left, right) = (new KafkaSequenceToken("t/0", a), new KafkaSequenceToken("t/0", b));
            Assert.Equal(a.CompareTo(b), left.CompareTo(right));
            Assert.Equal(a < b, left.Older(right));
            Assert.Equal(a > b, left.Newer(right));
            Assert.Equal(a == b, left.Equals(right));
            Assert.Equal(left.GetHashCode(), new KafkaSequenceToken("t/0", a).GetHashCode());
        });

    [Fact]
    public void CompareTo_OtherSource_Refuses()
    {
        var token = new KafkaSequenceToken("t/0", 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => token.CompareTo(new KafkaSequenceToken("t/1", 1)));
        Assert.False(token.Equals(new KafkaSequenceToken("t/1", 1)));
        Assert.True(token.CompareTo(null) > 0);
    }

    [Fact]
    public void Serializer_RoundTrip_KeepsSourceAndOffset()
    {
        using var services = new ServiceCollection().AddSerializer().BuildServiceProvider();
        var serializer = services.GetRequiredService<Serializer>();
        var token = new KafkaSequenceToken("abc/3", long.MaxValue);
        Assert.Equal(token, serializer.Deserialize<StreamSequenceToken>(serializer.SerializeToArray<StreamSequenceToken>(token)));
    }
}
