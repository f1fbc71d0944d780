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

    private const string Start = """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":""";

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
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"text":"x","kind":3}""", "unknown-kind: kind")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"text":"x","kind":"1"}""", "unknown-kind: kind")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"text":"x","kind":" utterance "}""", "unknown-kind: kind")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","audio":{"kind":[{}]},"kind":"utterance, retraction"}""", "unknown-kind: kind")]
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

    /// <summary>The rows are bytes, each written as the character of that number.</summary>
    [Theory]
    [InlineData(true, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s","role":"host","displayName":"A\u00e9"},"startMs":1,"endMs":2,"text":"h\"i \u263a"}""")]
    [InlineData(true, """{ "text" : "x" , "speaker":{"role":"host","id":"s"},"kind":"utterance","utteranceId":"u","conversationId":"c" }""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s","role":null},"text":"x"}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s","more":[1]},"text":"x"}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s","id":"t"},"text":"x"}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","kind":"utterance","speaker":{"id":"s"},"text":"x"}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x","text":"y"}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"startMs":1,"startMs":2,"text":"x"}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":null,"text":"x"}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"endMs":"5","text":"x"}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"endMs":5e0,"text":"x"}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x"} {}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x",}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x" """)]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":["x"]}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"Utterance","speaker":{"id":"s"},"text":"x"}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"\udc00"}""")]
    [InlineData(true, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s","role":"host"},"startMs":1,"endMs":2,"text":"x"}""")]
    [InlineData(true, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"\u0074ext":"x"}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x","\u0074ext":"y"}""")]
    [InlineData(true, """{"conversationId":"c","utteranceId":"u","kind":"\u0075tterance","speaker":{"id":"s"},"text":"x"}""")]
    [InlineData(true, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x","startMs":-0}""")]
    [InlineData(true, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x","startMs":-9223372036854775808,"endMs":9223372036854775807}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x","endMs":9223372036854775808}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x","endMs":1e400}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x","endMs":1.0}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x","endMs":01}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x"/* no */}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x"} // no""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x"}x""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x"}null""")]
    [InlineData(true, Start + "\"x\"}\r\n\t ")]
    [InlineData(false, Start + "\"x\"}\0")]
    [InlineData(false, """{"later":{"kind":"end","a":[{}]},"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x"}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x","later":{"added":1}}""")]
    [InlineData(false, """{"conversationId":null,"utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x"}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":null,"kind":"utterance","speaker":{"id":"s"},"text":"x"}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":null,"speaker":{"id":"s"},"text":"x"}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":null}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x","startMs":null}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x","audio":null}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":null},"text":"x"}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{},"text":"x"}""")]
    [InlineData(true, """{"conversationId":"c","kind":"utterance"}""")]
    [InlineData(false, """{"utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x"}""")]
    [InlineData(false, """{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"text":"x"}""")]
    [InlineData(false, """[{"conversationId":"c","utteranceId":"u","kind":"utterance","speaker":{"id":"s"},"text":"x"}]""")]
    [InlineData(false, "")]
    [InlineData(true, Start + "\"\u00c3\u00a9\"}")]
    [InlineData(false, Start + "\"\u00ff\"}")]
    [InlineData(false, Start + "\"\u00c3\"}")]
    [InlineData(false, Start + "\"\u00c0\u00af\"}")]
    [InlineData(false, Start + "\"\u00ed\u00a0\u0080\"}")]
    [InlineData(false, Start + "\"x\",\"\u00ff\":1}")]
    [InlineData(false, "\u00ef\u00bb\u00bf" + Start + "\"x\"}")]
    public void PlainEventReader_AnyJson_ReadsWhatTheSerializerReadsOrLeavesItToThat(bool isPlain, string json)
    {
        var bytes = Encoding.Latin1.GetBytes(json);
        var plain = PlainEventReader.TryRead(bytes, receivedAt: null);

        Assert.Equal(isPlain, plain is not null);
        if (isPlain) Assert.Equal(JsonSerializer.Deserialize(bytes, ContractsJson.Default.UtteranceEvent), plain);
    }

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
