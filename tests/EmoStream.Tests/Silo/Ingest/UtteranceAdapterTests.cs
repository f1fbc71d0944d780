using System.Text;
using Confluent.Kafka;
using EmoStream.Contracts;
using EmoStream.Contracts.Events;
using EmoStream.Silo.Ingest;
using EmoStream.Silo.Policy;
using EmoStream.Streaming.Kafka;

namespace EmoStream.Tests.Silo.Ingest;

public sealed class UtteranceAdapterTests : IDisposable
{
    private const string Good = """{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"text":"hi","face":{"features":{"space":"f@1","values":[1,2]}}}""";

    private static readonly DateTimeOffset Recorded = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private readonly string _policy = Path.GetTempFileName();

    public void Dispose() => File.Delete(_policy);

    [Fact]
    public void Decode_Good_IsAnEventOfTheConversationsStream()
    {
        var decoded = Adapter("text").Decode(Record(Good));

        var e = Assert.IsType<UtteranceEvent>(decoded.Event);
        Assert.Equal(StreamId.Create(Names.UtteranceStream, "c"), decoded.StreamId);
        Assert.Equal(Recorded, e.ReceivedAt);
    }

    [Fact]
    public void Decode_CloudEventsTime_IsWhenItHappened()
    {
        var decoded = Adapter("text").Decode(Record(Good, headers: new() { { "ce_time", "2026-01-02T03:04:00Z"u8.ToArray() } }));

        Assert.Equal(Recorded.AddSeconds(-5), ((UtteranceEvent)decoded.Event!).ReceivedAt);
    }

    [Fact]
    public void Decode_Protobuf_ByItsContentType()
    {
        var bytes = UtteranceEventProtobuf.Write(new() { ConversationId = "c", UtteranceId = "u", Speaker = new("s"), Text = "hi" });

        var decoded = Adapter("text").Decode(Record(bytes, new() { { "content-type", "application/x-protobuf"u8.ToArray() } }));

        Assert.Equal("hi", ((UtteranceEvent)decoded.Event!).Text);
    }

    [Theory]
    [InlineData("c2", "key-mismatch")]
    [InlineData("é", "key-mismatch")]
    public void Decode_KeyIsNotTheConversation_IsRejected(string key, string reason) =>
        Assert.StartsWith(reason, Adapter("text").Decode(Record(Good, key)).Reason, StringComparison.Ordinal);

    [Fact]
    public void Decode_UnreadableTimeHeader_FallsBackToKafkasTime() =>
        Assert.Equal(Recorded, ((UtteranceEvent)Adapter("text").Decode(Record(Good, headers: new() { { "ce_time", "yesterday"u8.ToArray() } })).Event!).ReceivedAt);

    [Theory]
    [InlineData("text", null)]
    [InlineData("text,face", "unknown-feature-space")]
    public void Decode_FeatureSpaceTheModelDoesNotKnow_MattersOnlyWhenAllowed(string allowed, string? reason)
    {
        var decoded = Adapter(allowed.Split(',')).Decode(Record(Good));

        Assert.Equal(reason, decoded.Reason?[..decoded.Reason.IndexOf(':', StringComparison.Ordinal)]);
    }

    private UtteranceAdapter Adapter(params string[] allowed)
    {
        File.WriteAllText(_policy, $$"""{"id":"p","rules":[{"modalities":["{{string.Join("\",\"", allowed)}}"]}]}""");
        return new(PolicyGate.Load(_policy), new()
        {
            Bundle = "b@1",
            Labels = ["x"],
            Window = 1,
            Modalities = [new(Modality.Text, "t@1", 1, HasEncoder: true), new(Modality.Face, "other@1", 2, HasEncoder: false)],
        });
    }

    private static KafkaRecord Record(string json, string key = "c", Headers? headers = null) => Record(Encoding.UTF8.GetBytes(json), headers, key);

    private static KafkaRecord Record(byte[] value, Headers? headers, string key = "c") =>
        new("t", 0, 7, Recorded, Encoding.UTF8.GetBytes(key), value, headers);
}
