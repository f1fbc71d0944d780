using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using EmoStream.Contracts.Events;
using Microsoft.Net.Http.Headers;

namespace EmoStream.Gateway.Post;

/// <summary>How a body holds its events.</summary>
internal enum EventBodyFormat
{
    /// <summary>One JSON object, or an array of them.</summary>
    Json,

    /// <summary>One JSON object per line.</summary>
    JsonLines,
}

/// <summary>Why a body was refused.</summary>
/// <param name="Index">Which event, from 0; null when it is the body as a whole.</param>
/// <param name="Reason">The reason, without any of the body's values.</param>
internal readonly record struct EventProblem(int? Index, string Reason);

/// <summary>A request body to valid events of one conversation.</summary>
/// <example>
/// <code>
/// application/json      {"utteranceId":"u1","speaker":{"id":"s1"},"text":"Hi"}    or    [{...},{...}]
/// application/x-ndjson  {"utteranceId":"u1","speaker":{"id":"s1"},"text":"Hi"}
///                       {"utteranceId":"u2","speaker":{"id":"s2"},"text":"Hello"}
/// </code>
/// </example>
internal static class EventBody
{
    public const string Json = "application/json";
    public const string JsonLines = "application/x-ndjson";

    /// <summary>What to tell who sends something else.</summary>
    public const string Expected = $"Send content-type: {Json} or {JsonLines}.";

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    public static EventBodyFormat? FormatOf(string? contentType) => MediaTypeHeaderValue.TryParse(contentType, out var type)
        ? type.MediaType.Value?.ToLowerInvariant() switch
        {
            Json => EventBodyFormat.Json,
            JsonLines or "application/jsonl" => EventBodyFormat.JsonLines,
            _ => null,
        }
        : null;

    /// <summary>All events, or the first problem.</summary>
    public static (List<UtteranceEvent> Events, EventProblem? Problem) Parse(
        ReadOnlyMemory<byte> body, EventBodyFormat format, string conversationId, int maxEvents)
    {
        var events = new List<UtteranceEvent>();
        var problem = format == EventBodyFormat.Json
            ? ParseJson(body, conversationId, maxEvents, events)
            : ParseLines(body, conversationId, maxEvents, events);
        return (events, problem ?? (events.Count == 0 ? new EventProblem(null, "empty: the body holds no event") : null));
    }

    private static EventProblem? ParseJson(ReadOnlyMemory<byte> body, string conversationId, int maxEvents, List<UtteranceEvent> events)
    {
        if (!TryParse(body, out var document, out var reason))
        {
            return new EventProblem(null, reason);
        }

        using (document)
        {
            if (document.RootElement.ValueKind != JsonValueKind.Array)
            {
                return Add(document.RootElement, conversationId, maxEvents, events);
            }

            foreach (var element in document.RootElement.EnumerateArray())
            {
                if (Add(element, conversationId, maxEvents, events) is { } problem)
                {
                    return problem;
                }
            }
        }

        return null;
    }

    private static EventProblem? ParseLines(ReadOnlyMemory<byte> body, string conversationId, int maxEvents, List<UtteranceEvent> events)
    {
        while (!body.IsEmpty)
        {
            var end = body.Span.IndexOf((byte)'\n');
            var line = end < 0 ? body : body[..end];
            body = end < 0 ? default : body[(end + 1)..];
            if (line.Span.Trim(" \t\r"u8).IsEmpty)
            {
                continue;
            }

            if (!TryParse(line, out var document, out var reason))
            {
                return new EventProblem(events.Count, reason);
            }

            using (document)
            {
                if (Add(document.RootElement, conversationId, maxEvents, events) is { } problem)
                {
                    return problem;
                }
            }
        }

        return null;
    }

    private static EventProblem? Add(JsonElement element, string conversationId, int maxEvents, List<UtteranceEvent> events)
    {
        var index = events.Count;
        if (index == maxEvents)
        {
            return new EventProblem(null, $"too-many: at most {maxEvents} events in one request");
        }

        if (element.ValueKind != JsonValueKind.Object)
        {
            return new EventProblem(index, "not-an-event: expected a JSON object");
        }

        var given = element.TryGetProperty("conversationId"u8, out _);
        var bytes = given ? JsonMarshal.GetRawUtf8Value(element) : WithConversation(element, conversationId);
        if (UtteranceEventReader.TryRead(bytes, UtteranceEventReader.Json, out var error) is not { } e)
        {
            return new EventProblem(index, error!);
        }

        if (e.ConversationId != conversationId)
        {
            return new EventProblem(index, "other-conversation: conversationId is not the one of the path");
        }

        events.Add(e);
        return null;
    }

    /// <summary>Put in front of the object's own bytes: writing them anew would stumble over strings that the reader must judge.</summary>
    private static ReadOnlySpan<byte> WithConversation(JsonElement element, string conversationId)
    {
        var members = JsonMarshal.GetRawUtf8Value(element)[1..].TrimStart(" \t\r\n"u8);
        var buffer = new ArrayBufferWriter<byte>(members.Length + 64);
        buffer.Write("{\"conversationId\":\""u8);
        buffer.Write(JsonEncodedText.Encode(conversationId).EncodedUtf8Bytes);
        buffer.Write(members[0] == (byte)'}' ? "\""u8 : "\","u8);
        buffer.Write(members);
        return buffer.WrittenSpan;
    }

    private static bool TryParse(ReadOnlyMemory<byte> json, out JsonDocument document, out string reason)
    {
        try
        {
            document = JsonDocument.Parse(json, Strict);
            reason = "";
            return true;
        }
        catch (JsonException e)
        {
            // Its message may quote the body.
            document = null!;
            reason = FormattableString.Invariant($"not-json: invalid at line {e.LineNumber + 1}, byte {e.BytePositionInLine}");
            return false;
        }
        catch (InvalidOperationException)
        {
            // Comparing names for duplicates unescapes them.
            document = null!;
            reason = "not-json: a member's name is not valid UTF-16";
            return false;
        }
    }
}
