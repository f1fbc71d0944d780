using System.Text;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka;

namespace EmoStream.Tests.Streaming.Kafka;

public sealed class KafkaMessageAdapterTests
{
    private sealed record Placed(string Item, int Amount);

    private sealed record PlacedV2(string Item, decimal Amount);

    private sealed record Paid(string Item);

    private sealed record Guests(Dictionary<string, int> People);

    private const string Good = """{"item":"tea","amount":3}""";

    [Fact]
    public void Decode_OneFormatWithoutType_TakesRecordsWithoutHeaders()
    {
        var decoded = Adapter(m => m.StreamFromKey("orders").Json<Placed>()).Decode(Record(Good));

        Assert.Equal(new Placed("tea", 3), decoded.Event);
        Assert.Equal(StreamId.Create("orders", "k"), decoded.StreamId);
    }

    [Theory]
    [InlineData("type", "schema-version", "1", typeof(Placed))]
    [InlineData("type", "schema-version", "2", typeof(PlacedV2))]
    [InlineData("ce_type", "ce_dataschema", "1", typeof(Placed))]
    [InlineData("ce_type", "ce_dataschema", "2", typeof(PlacedV2))]
    public void Decode_TypeAndVersionInHeaders_TheirFormat(string type, string version, string value, Type expected) =>
        Assert.IsType(expected, Versions().Decode(Record(Good, (type, "placed"), (version, value))).Event);

    [Theory]
    [InlineData("placed", "3", null, "schema-version: expected 1 or 2")]
    [InlineData("placed", null, null, "schema-version: expected 1 or 2")]
    [InlineData("refunded", "1", null, "unknown-type")]
    [InlineData(null, "1", null, "missing-header: type")]
    [InlineData("placed", "1", "application/x-protobuf", "unknown-content-type: expected application/json")]
    [InlineData("placed", "1", "application/cloudevents+avro", "unknown-content-type")]
    [InlineData("placed", "1", "application/cloudevents-batch+json", "unknown-content-type")]
    public void Decode_NoFormatFits_IsRejected(string? type, string? version, string? contentType, string reason)
    {
        (string, string?)[] headers = [("type", type), ("schema-version", version), ("content-type", contentType)];
        var decoded = Versions().Decode(Record(Good, [.. headers.Where(h => h.Item2 is not null)]));

        Assert.Null(decoded.Event);
        Assert.StartsWith(reason, decoded.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("null", "not-an-event")]
    [InlineData("{", "not-json: ")]
    [InlineData("""{"item":"tea","amount":"secret"}""", "not-json: invalid at line 0, byte ")]
    [InlineData(""" {"item":"\uD800"} """, "not-json")]
    public void Decode_NoJsonOfTheEvent_IsRejectedWithoutQuotingIt(string value, string reason)
    {
        var decoded = Adapter(m => m.StreamFromKey("orders").Json<Placed>()).Decode(Record(value));

        Assert.StartsWith(reason, decoded.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", decoded.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("secret one")]
    [InlineData("secret")] // In a path without brackets, like a member of the event.
    public void Decode_DictionaryWithABadValue_IsRejectedWithoutQuotingTheKey(string key)
    {
        var decoded = Adapter(m => m.StreamFromKey("orders").Json<Guests>()).Decode(Record("{\"people\":{\"" + key + "\":\"x\"}}"));

        Assert.StartsWith("not-json: invalid at line 0, byte ", decoded.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", decoded.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Decode_SameTypeTwoContentTypes_ByContentType()
    {
        var adapter = Adapter(m => m.StreamFromKey("orders").Json<Placed>("order").Protobuf("order", bytes => new Paid($"{bytes.Length}"), _ => []));

        Assert.IsType<Placed>(adapter.Decode(Record(Good, ("type", "order"), ("content-type", "application/json; charset=utf-8"))).Event);
        Assert.Equal(new Paid($"{Good.Length}"), adapter.Decode(Record(Good, ("type", "order"), ("content-type", "application/x-protobuf"))).Event);
    }

    [Fact]
    public void Decode_ProtobufParserThrows_IsRejectedByTheExceptionsName()
    {
        var adapter = Adapter(m => m.StreamFromKey("orders").Protobuf<Paid>(null, _ => throw new InvalidDataException("secret"), _ => []));

        Assert.Equal("not-protobuf: the parser threw InvalidDataException", adapter.Decode(Record(Good)).Reason);
    }

    [Fact]
    public void Decode_Raw_TheBytes() =>
        Assert.Equal(Encoding.UTF8.GetBytes(Good), Adapter(m => m.StreamFromKey("orders").Raw()).Decode(Record(Good, ("content-type", "image/png"))).Event);

    [Theory]
    [InlineData("""{"specversion":"1.0","id":"1","source":"/s","type":"placed","dataschema":"1","data":{"item":"tea","amount":3}}""")]
    [InlineData("""{"data":{"item":"tea","amount":3},"extra":{"a":[1]},"datacontenttype":"application/json; charset=utf-8","dataschema":"1","type":"placed","specversion":"1.0"}""")]
    [InlineData("""{"specversion":"1.0","type":"placed","dataschema":"1","datacontenttype":"application/json","data_base64":"eyJpdGVtIjoidGVhIiwiYW1vdW50IjozfQ=="}""")]
    public void Decode_StructuredCloudEvent_ItsData(string envelope) =>
        Assert.Equal(new Placed("tea", 3), Versions().Decode(Record(envelope, ("content-type", "application/cloudevents+json; charset=utf-8"))).Event);

    [Fact]
    public void Decode_StructuredCloudEventWithText_TheTextsBytes()
    {
        var decoded = Adapter(m => m.StreamFromKey("orders").Raw()).Decode(
            Record("""{"specversion":"1.0","type":"note","datacontenttype":"text/plain","data":"gr\u00fcn"}""", ("content-type", "application/cloudevents+json")));

        Assert.Equal(Encoding.UTF8.GetBytes("grün"), decoded.Event);
    }

    [Theory]
    [InlineData("""{"specversion":"0.3","type":"placed","data":{}}""", "not-a-cloudevent: specversion")]
    [InlineData("""{"specversion":"1.0","data":{}}""", "not-a-cloudevent: type")]
    [InlineData("""{"specversion":"1.0","type":"placed"}""", "not-a-cloudevent: data")]
    [InlineData("""{"specversion":"1.0","type":7,"data":{}}""", "not-a-cloudevent")]
    [InlineData("""{"specversion":"1.0","type":"placed","data_base64":"%"}""", "not-a-cloudevent")]
    [InlineData("""{"specversion":"1.0","type":"placed","data":{}}}""", "not-a-cloudevent")]
    [InlineData("""{"specversion":"1.0","type":"placed","data":""", "not-a-cloudevent")]
    [InlineData("[]", "not-a-cloudevent")]
    [InlineData("", "not-a-cloudevent")]
    public void Decode_NoCloudEvent_IsRejected(string envelope, string reason) =>
        Assert.StartsWith(reason, Versions().Decode(Record(envelope, ("content-type", "application/cloudevents+json"))).Reason, StringComparison.Ordinal);

    [Fact]
    public void Decode_StreamFromHeader_TheHeaderNamesTheStream()
    {
        var adapter = Adapter(m => m.StreamFromHeader("tenant", "orders").Json<Placed>());

        Assert.Equal(StreamId.Create("orders", "acme"), adapter.Decode(Record(Good, ("tenant", "acme"))).StreamId);
        Assert.Equal("missing-header: tenant", adapter.Decode(Record(Good)).Reason);
    }

    [Fact]
    public void Decode_KeyIsNoText_IsRejected()
    {
        var record = new KafkaRecord("t", 0, 7, DateTimeOffset.UnixEpoch, new byte[] { 0xff }, Encoding.UTF8.GetBytes(Good), null);

        Assert.StartsWith("bad-key", Adapter(m => m.StreamFromKey("orders").Json<Placed>()).Decode(record).Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Encode_EventsOfAllFormats_DecodeToThemselves(bool cloudEvents)
    {
        var adapter = Adapter(m =>
        {
            m.StreamFromKey("orders")
                .Json<Placed>("placed", "1")
                .Protobuf("paid", bytes => new Paid(Encoding.UTF8.GetString(bytes)), e => Encoding.UTF8.GetBytes(e.Item))
                .Raw("scan");
            if (cloudEvents) m.AsCloudEvents("/shop");
        });
        var stream = StreamId.Create("orders", "é");

        foreach (var e in (object[])[new Placed("tea", 3), new Paid("tea"), new byte[] { 1, 2 }])
        {
            var record = adapter.Encode(stream, e);
            var decoded = adapter.Decode(new("t", 0, 0, DateTimeOffset.UnixEpoch, record.Key, record.Value, record.Headers));

            Assert.Equal(e, decoded.Event);
            Assert.Equal(stream, decoded.StreamId);
        }
    }

    [Fact]
    public void Encode_AsCloudEvents_HasTheRequiredAttributes()
    {
        var adapter = Adapter(m => m.StreamFromKey("orders").Json<Placed>("placed", "1").AsCloudEvents("/shop"));

        var (first, second) = (Headers(adapter), Headers(adapter));

        Assert.Equal(("1.0", "/shop", "placed", "1", "application/json"), (first["ce_specversion"], first["ce_source"], first["ce_type"], first["ce_dataschema"], first["content-type"]));
        Assert.NotEqual(first["ce_id"], second["ce_id"]);

        static Dictionary<string, string> Headers(KafkaMessageAdapter adapter) => adapter.Encode(StreamId.Create("orders", "k"), new Placed("tea", 3)).Headers!
            .ToDictionary(h => h.Key, h => Encoding.UTF8.GetString(h.GetValueBytes()));
    }

    [Fact]
    public void Encode_StreamFromHeader_KeyAndHeaderNameTheStream()
    {
        var record = Adapter(m => m.StreamFromHeader("tenant", "orders").Json<Placed>()).Encode(StreamId.Create("orders", "acme"), new Placed("tea", 3));

        Assert.Equal("acme", Encoding.UTF8.GetString(record.Key));
        Assert.Equal("acme", Encoding.UTF8.GetString(record.Headers!.GetLastBytes("tenant")));
    }

    [Fact]
    public void Encode_UnknownEvent_Throws() =>
        Assert.Throws<NotSupportedException>(() => Versions().Encode(StreamId.Create("orders", "k"), "text"));

    [Fact]
    public void Constructor_DescriptionIsIncomplete_SaysSo()
    {
        Assert.Contains("StreamFromKey", Message(m => m.Json<Placed>()), StringComparison.Ordinal);
        Assert.Contains("StreamFromKey", Message(m => m.StreamFromKey("orders")), StringComparison.Ordinal);
        Assert.Contains("Placed", Message(m => m.StreamFromKey("orders").Json<Placed>("a").Json<Placed>("b")), StringComparison.Ordinal);
        Assert.Contains("Placed", Message(m => m.StreamFromKey("orders").Json<Placed>().AsCloudEvents("/shop")), StringComparison.Ordinal);

        static string Message(Action<KafkaMessages> describe) => Assert.Throws<OrleansConfigurationException>(() => Adapter(describe)).Message;
    }

    private static KafkaMessageAdapter Versions() => Adapter(m => m.StreamFromKey("orders").Json<Placed>("placed", "1").Json<PlacedV2>("placed", "2"));

    private static KafkaMessageAdapter Adapter(Action<KafkaMessages> describe)
    {
        var messages = new KafkaMessages();
        describe(messages);
        return new(messages);
    }

    private static KafkaRecord Record(string value, params (string Name, string? Value)[] headers)
    {
        var all = new Headers();
        foreach (var (name, text) in headers) all.Add(name, Encoding.UTF8.GetBytes(text!));
        return new("t", 0, 7, DateTimeOffset.UnixEpoch, Encoding.UTF8.GetBytes("k"), Encoding.UTF8.GetBytes(value), all);
    }
}
