using System.Text;
using EmoStream.Contracts.Events;
using EmoStream.Gateway.Post;

namespace EmoStream.Tests.Gateway;

public sealed class EventBodyTests
{
    private const string One = """{"utteranceId":"u1","speaker":{"id":"s1"},"text":"Hi"}""";
    private const string Two = """{"conversationId":"c","utteranceId":"u2","kind":"revision","speaker":{"id":"s2"},"text":"Für immer"}""";

    [Fact]
    public void Parse_SingleObject_GivesOneEventOfThePathsConversation()
    {
        var (events, problem) = Parse(One);

        Assert.Null(problem);
        var e = Assert.Single(events);
        Assert.Equal(("c", "u1", "s1", "Hi"), (e.ConversationId, e.UtteranceId, e.Speaker!.Id, e.Text));
    }

    [Fact]
    public void Parse_Array_KeepsOrderAndKinds()
    {
        var (events, problem) = Parse($"[{Two},{One}]");

        Assert.Null(problem);
        Assert.Equal([("u2", UtteranceKind.Revision, "Für immer"), ("u1", UtteranceKind.Utterance, "Hi")], events.Select(e => (e.UtteranceId, e.Kind, e.Text)));
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\n")]
    [InlineData("\n\n  \n")]
    public void Parse_Lines_ReadsOneEventPerLine(string separator)
    {
        var (events, problem) = Parse(One + separator + Two + separator, EventBodyFormat.JsonLines);

        Assert.Null(problem);
        Assert.Equal(["u1", "u2"], events.Select(e => e.UtteranceId));
    }

    [Theory]
    [InlineData("""[{"utteranceId":"u1","speaker":{"id":"s1"},"text":"secret"},{"utteranceId":"secret","text":"secret"}]""", 1, "missing-field: speaker")]
    [InlineData("""[{"conversationId":"secret","utteranceId":"u1","speaker":{"id":"s1"},"text":"secret"}]""", 0, "other-conversation")]
    [InlineData("""[{"conversationId":null,"utteranceId":"u1","speaker":{"id":"s1"},"text":"secret"}]""", 0, "")]
    [InlineData("""[17]""", 0, "not-an-event")]
    [InlineData("""{ }""", 0, "missing-field: utteranceId")]
    [InlineData("""{"utteranceId":"u1","speaker":{"id":"s1"},"text":"secret","startMs":"secret"}""", 0, "wrong-type: $.startMs")]
    [InlineData("""{"utteranceId":"u1","speaker":{"id":"s1"},"text":"\ud800 secret"}""", 0, "wrong-type: $.text")]
    [InlineData("""{"utteranceId":"u1","speaker":{"id":"s1"},"text":"Hi","\ud800 secret":1}""", null, "not-json")]
    [InlineData("""{"utteranceId":"u1","utteranceId":"secret","speaker":{"id":"s1"},"text":"Hi"}""", null, "not-json")]
    [InlineData("""{"secret""", null, "not-json")]
    [InlineData("""[]""", null, "empty")]
    [InlineData("", null, "not-json")]
    public void Parse_BadBody_NamesIndexAndReasonAndQuotesNothing(string body, int? index, string reason)
    {
        var (_, problem) = Parse(body);

        Assert.NotNull(problem);
        Assert.Equal(index, problem.Value.Index);
        Assert.StartsWith(reason, problem.Value.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", problem.Value.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_BrokenLine_NamesItsIndex()
    {
        var (_, problem) = Parse($"{One}\n{{\"utteranceId\":", EventBodyFormat.JsonLines);

        Assert.Equal(1, problem!.Value.Index);
    }

    [Theory]
    [InlineData("{oops", 1)]
    [InlineData("{\n  \"utteranceId\": oops", 2)]
    public void Parse_BrokenJson_CountsLinesFrom1(string body, int line)
    {
        var (_, problem) = Parse(body);

        Assert.StartsWith($"not-json: invalid at line {line},", problem!.Value.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_MoreThanAllowed_IsRefused()
    {
        var (_, problem) = EventBody.Parse(Encoding.UTF8.GetBytes($"[{One},{One},{One}]"), EventBodyFormat.Json, "c", maxEvents: 2);

        Assert.StartsWith("too-many", problem!.Value.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("application/json", "Json")]
    [InlineData("Application/JSON; charset=utf-8", "Json")]
    [InlineData("application/x-ndjson", "JsonLines")]
    [InlineData("application/jsonl", "JsonLines")]
    [InlineData("text/plain", null)]
    [InlineData("application/x-www-form-urlencoded", null)]
    [InlineData(null, null)]
    public void FormatOf_ContentType_IsKnownOrNull(string? contentType, string? format)
    {
        Assert.Equal(format, EventBody.FormatOf(contentType)?.ToString());
    }

    private static (List<UtteranceEvent> Events, EventProblem? Problem) Parse(string body, EventBodyFormat format = EventBodyFormat.Json) =>
        EventBody.Parse(Encoding.UTF8.GetBytes(body), format, "c", maxEvents: 100);
}
