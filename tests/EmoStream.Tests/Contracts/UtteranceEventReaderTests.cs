using System.Text;
using System.Text.Json;
using EmoStream.Contracts;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Inference;

namespace EmoStream.Tests.Contracts;

public sealed class UtteranceEventReaderTests
{
    private const string Good = """
        {"conversationId":"c/1","utteranceId":"u1","kind":"utterance","speaker":{"id":"s1","role":"host","displayName":"Ana"},
         "startMs":0,"endMs":10,"text":"hi","audio":{"features":{"space":"audio/x@1","values":[0.5,-1]}},"later":{"added":1}}
        """;

    [Fact]
    public void TryRead_GoodJson_KeepsEveryMember()
    {
        var e = Read(Good, out var error);

        Assert.Null(error);
        Assert.Equal(("c/1", "u1", UtteranceKind.Utterance, 0L, 10L, "hi"), (e!.ConversationId, e.UtteranceId, e.Kind, e.StartMs!.Value, e.EndMs!.Value, e.Text));
        Assert.Equal(new Speaker("s1", "host", "Ana"), e.Speaker);
        Assert.Equal([0.5f, -1f], e.Audio!.Features!.Values);
    }

    [Theory]
    [InlineData("hello", "not-json")]
    [InlineData("", "not-json")]
    [InlineData("null", "not-an-event")]
    [InlineData("[1]", "not-json")]
    [InlineData("""{"utteranceId":"u1"}""", "not-json")]
    [InlineData("""{"conversationId":"","utteranceId":"u1","speaker":{"id":"s"},"text":"x"}""", "missing-field: conversationId")]
    [InlineData("""{"conversationId":"c","speaker":{"id":"s"},"text":"x"}""", "missing-field: utteranceId")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","text":"x"}""", "missing-field: speaker")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"}}""", "no-modality")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"text":" "}""", "no-modality")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"text":5}""", "wrong-type: $.text")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"text":"x","kind":"shout"}""", "wrong-type: $.kind")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"text":"x","kind":7}""", "unknown-kind")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"text":"x","startMs":1.5}""", "wrong-type: $.startMs")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"text":"x","startMs":-1}""", "bad-time")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"text":"x","startMs":9,"endMs":8}""", "bad-time: endMs is before startMs")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"text":"x","startMs":0,"endMs":9223372036854775807}""", "bad-time")]
    [InlineData("""{"conversationId":"..","utteranceId":"u","speaker":{"id":"s"},"text":"x"}""", "bad-id: conversationId")]
    [InlineData("""{"conversationId":"c{1}","utteranceId":"u","speaker":{"id":"s"},"text":"x"}""", "bad-id: conversationId")]
    [InlineData("""{"conversationId":"c","utteranceId":"u\n","speaker":{"id":"s"},"text":"x"}""", "bad-id: utteranceId")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"text":"\ud800"}""", "wrong-type: $.text")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"audio":{}}""", "bad-modality: audio")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"audio":{"media":"AAAA","contentType":"text/plain"}}""", "bad-modality: audio.contentType")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"face":{"features":{"space":"f@1","values":[1e999]}}}""", "not-finite: face.features.values[0]")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"face":{"features":{"space":"f@1","values":["NaN"]}}}""", "wrong-type: $.face.features.values[0]")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"face":{"features":{"space":"nameless","values":[1]}}}""", "bad-modality: face.features.space")]
    [InlineData("""{"conversationId":"c","conversationId":"d","utteranceId":"u","speaker":{"id":"s"},"text":"x"}""", "wrong-type: $.conversationId")]
    public void TryRead_BadJson_SaysWhatAndWhere(string payload, string expected)
    {
        Assert.Null(Read(payload, out var error));
        Assert.StartsWith(expected, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s","role":"host","displayName":"A\u00e9"},"startMs":1,"endMs":2,"text":"h\"i \u263a"}""")]
    [InlineData("""{ "text" : "x" , "speaker":{"role":"host","id":"s"},"kind":"utterance","utteranceId":"u","conversationId":"c" }""")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s","role":null},"text":"x"}""")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s","more":[1]},"text":"x"}""")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s","id":"t"},"text":"x"}""")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","kind":"utterance","kind":"utterance","speaker":{"id":"s"},"text":"x"}""")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x","text":"y"}""")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"startMs":1,"startMs":2,"text":"x"}""")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":null,"text":"x"}""")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"endMs":"5","text":"x"}""")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"endMs":5e0,"text":"x"}""")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x"} {}""")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x",}""")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x" """)]
    [InlineData("""{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":["x"]}""")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","kind":"Utterance","speaker":{"id":"s"},"text":"x"}""")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"\udc00"}""")]
    public void PlainEventReader_AnyJson_ReadsWhatTheSerializerReadsOrLeavesItToThat(string json)
    {
        var bytes = Encoding.UTF8.GetBytes(json);
        var plain = PlainEventReader.TryRead(bytes, receivedAt: null);
        UtteranceEvent? expected = null;
        try
        {
            expected = JsonSerializer.Deserialize(bytes, ContractsJson.Default.UtteranceEvent);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            Assert.Null(plain);
        }

        if (plain is not null) Assert.Equal(expected, plain);
    }

    [Fact]
    public void PlainEventReader_PlainUtterance_NeedsNoSerializer() =>
        Assert.NotNull(PlainEventReader.TryRead("""{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s","role":"host"},"startMs":1,"endMs":2,"text":"x"}"""u8, receivedAt: null));

    [Fact]
    public void TryRead_BadJson_NeverQuotesThePayload()
    {
        Read("""{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"text":{"secret":"sekrit"}}""", out var error);

        Assert.DoesNotContain("sekrit", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("end", "", null)]
    [InlineData("retraction", "u1", null)]
    [InlineData("retraction", "", "missing-field: utteranceId")]
    public void TryRead_KindsWithoutContent_NeedOnlyTheirIds(string kind, string utteranceId, string? expected)
    {
        Read($$"""{"conversationId":"c","utteranceId":"{{utteranceId}}","kind":"{{kind}}"}""", out var error);

        Assert.Equal(expected, error);
    }

    [Fact]
    public void TryRead_AbsentMembers_GetTheirDefaults()
    {
        var e = Read("""{"conversationId":"c","kind":"end"}""", out var error);

        Assert.Null(error);
        Assert.Equal(("", UtteranceKind.End), (e!.UtteranceId, e.Kind));
    }

    [Fact]
    public void TryRead_Protobuf_GivesTheSameEvent()
    {
        var e = Read(Good, out _)!;
        var bytes = UtteranceEventProtobuf.Write(e);

        var back = UtteranceEventReader.TryRead(bytes, "application/x-protobuf; v=1", out var error);

        Assert.Null(error);
        Assert.Equal(JsonSerializer.Serialize(e, ContractsJson.Default.UtteranceEvent), JsonSerializer.Serialize(back!, ContractsJson.Default.UtteranceEvent));
    }

    [Fact]
    public void TryRead_BadProtobufOrContentType_SaysSo()
    {
        Assert.Null(UtteranceEventReader.TryRead([0xff, 0xff, 0xff], UtteranceEventReader.Protobuf, out var garbage));
        Assert.Null(UtteranceEventReader.TryRead([], UtteranceEventReader.Protobuf, out var empty));
        Assert.Null(UtteranceEventReader.TryRead("{}"u8, "text/csv", out var csv));

        Assert.StartsWith("not-protobuf", garbage, StringComparison.Ordinal);
        Assert.StartsWith("unknown-kind", empty, StringComparison.Ordinal);
        Assert.StartsWith("unknown-content-type", csv, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("audio/x@1", 2, true, null)]
    [InlineData("audio/y@1", 2, true, "unknown-feature-space")]
    [InlineData("audio/x@1", 3, true, "wrong-vector-length")]
    [InlineData("audio/y@1", 3, false, null)] // what the policy drops cannot be wrong
    public void ValidateForModel_Features_AreCheckedWhenUsed(string space, int dimension, bool allowed, string? expected)
    {
        var model = new ModelDescription { Bundle = "b@1", Labels = ["a"], Window = 1, Modalities = [new(Modality.Audio, space, dimension, HasEncoder: false)] };

        var error = UtteranceEventValidator.ValidateForModel(Read(Good, out _)!, allowed ? new HashSet<string> { Modality.Audio } : new HashSet<string>(), model);

        Assert.Equal(expected, error?[..error.IndexOf(':', StringComparison.Ordinal)]);
    }

    private static UtteranceEvent? Read(string json, out string? error) =>
        UtteranceEventReader.TryRead(Encoding.UTF8.GetBytes(json), null, out error);
}
