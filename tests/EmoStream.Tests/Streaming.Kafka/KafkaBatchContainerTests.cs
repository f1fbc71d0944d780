using EmoStream.Streaming.Kafka;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
using Orleans.Streams;

namespace EmoStream.Tests.Streaming.Kafka;

public sealed class KafkaBatchContainerTests
{
    private static readonly StreamId Stream = StreamId.Create("n", "k");

    [Fact]
    public void Serializer_RoundTrip_KeepsEventsAndTokens()
    {
        using var services = new ServiceCollection().AddSerializer().BuildServiceProvider();
        var serializer = services.GetRequiredService<Serializer>();
        var batch = new KafkaBatchContainer(Stream, new("t/0", 0, null), [3, 7], ["a", "b"]) { Failure = new InvalidOperationException() };
        var copy = serializer.Deserialize<IBatchContainer>(serializer.SerializeToArray<IBatchContainer>(batch))!;
        Assert.Equal(Stream, copy.StreamId);
        Assert.Equal(new KafkaSequenceToken("t/0", 3), copy.SequenceToken);
        Assert.Equal(
            [Tuple.Create<string, StreamSequenceToken>("a", new KafkaSequenceToken("t/0", 3)), Tuple.Create<string, StreamSequenceToken>("b", new KafkaSequenceToken("t/0", 7))],
            copy.GetEvents<string>());
        Assert.Null(((KafkaBatchContainer)copy).Failure);
    }

    [Fact]
    public void Copier_SameSilo_PassesTheBatchItself()
    {
        using var services = new ServiceCollection().AddSerializer().BuildServiceProvider();
        var batch = new KafkaBatchContainer(Stream, new("t/0", 0, null), [3], ["a"]);
        Assert.Same(batch, services.GetRequiredService<DeepCopier>().Copy(batch));
    }

    [Fact]
    public void GetEvents_OtherTypeThanSubscribed_ThrowsInsteadOfSkipping()
    {
        var batch = new KafkaBatchContainer(Stream, new("t/0", 0, null), [3], ["secret"]);
        var error = Assert.Throws<InvalidCastException>(() => batch.GetEvents<Version>());
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ToString_Always_NamesOffsetsOnly() =>
        Assert.Equal("t/0@3+1", new KafkaBatchContainer(Stream, new("t/0", 0, null), [3], ["secret"]).ToString());
}
