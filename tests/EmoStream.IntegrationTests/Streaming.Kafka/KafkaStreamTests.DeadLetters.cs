using System.Globalization;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka;
using EmoStream.Testing;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <content>Records that cannot become an event.</content>
public abstract partial class KafkaStreamTests
{
    [Fact]
    public async Task DeadLetter_MalformedAmongGood_BytesAndHeadersIntactWithReason()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        await using var host = await HostAsync(servers, topic);
        var good = host.Probe.Until(p => p.ValuesOf("s").Count == 2);
        using var producer = Producer(servers);
        Send(producer, topic, "s", "good 1");
        var longAgo = DateTimeOffset.FromUnixTimeMilliseconds(TimeProvider.System.GetUtcNow().AddHours(-2).ToUnixTimeMilliseconds());
        producer.Produce(
            new TopicPartition(topic, 0),
            new Message<byte[]?, byte[]?>
            {
                Key = "s"u8.ToArray(),
                Value = "bad:because"u8.ToArray(),
                Headers = [new Header("original", "kept"u8.ToArray())],
                Timestamp = new Timestamp(longAgo),
            });
        Send(producer, topic, "s", "throw");
        producer.Produce(new TopicPartition(topic, 0), new Message<byte[]?, byte[]?> { Key = "s"u8.ToArray(), Value = null });
        producer.Produce(new TopicPartition(topic, 0), new Message<byte[]?, byte[]?> { Key = null, Value = "no key"u8.ToArray() });
        // The end of a redrive, as its header says, but not whose.
        producer.Produce(
            new TopicPartition(topic, 0),
            new Message<byte[]?, byte[]?> { Key = "s"u8.ToArray(), Value = [], Headers = [new Header(DeadLetterHeaders.RedriveEnd, "x/0@1"u8.ToArray())] });
        Send(producer, topic, "s", "good 2");
        producer.Flush(Eventually.Timeout);
        await good;

        var dead = await ReadAsync(servers, topic + ".dlq", 5);
        var byOffset = dead.ToDictionary(d => Header(d, "emostream-dlq-offset"));
        Assert.Equal(["1", "2", "3", "4", "5"], byOffset.Keys.Order());
        Assert.Equal("not good: because", Header(byOffset["1"], "emostream-dlq-reason"));
        Assert.Equal("bad:because"u8.ToArray(), byOffset["1"].Message.Value);
        Assert.Equal("s"u8.ToArray(), byOffset["1"].Message.Key);
        Assert.Equal("kept", Header(byOffset["1"], "original"));
        Assert.Equal(topic, Header(byOffset["1"], "emostream-dlq-topic"));
        Assert.Equal("0", Header(byOffset["1"], "emostream-dlq-partition"));
        Assert.Equal(longAgo.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture), Header(byOffset["1"], "emostream-dlq-timestamp"));
        // Retention counts from the letter's own time.
        Assert.True(byOffset["1"].Message.Timestamp.UtcDateTime > longAgo.AddHours(1).UtcDateTime);
        Assert.Equal("the decoder threw InvalidOperationException", Header(byOffset["2"], "emostream-dlq-reason"));
        Assert.Null(byOffset["3"].Message.Value);
        Assert.Contains("no value", Header(byOffset["3"], "emostream-dlq-reason"), StringComparison.Ordinal);
        Assert.Null(byOffset["4"].Message.Key);
        Assert.Contains("no key", Header(byOffset["4"], "emostream-dlq-reason"), StringComparison.Ordinal);
        Assert.Contains("end of a redrive", Header(byOffset["5"], "emostream-dlq-reason"), StringComparison.Ordinal);
        Assert.Equal(["good 1", "good 2"], host.Probe.ValuesOf("s"));
        await CommittedAsync(servers, topic, 0, 7);
    }
}
