using System.Text.Json;

namespace EmoStream.Contracts.Events;

/// <summary>
/// Reads the JSON that nearly every record is: an utterance with text, each member once and of its type. All else, and all
/// that is wrong, is left to the serializer, which says what and where; its way through an init-only record costs four
/// times as much.
/// <code>
/// {"conversationId":"standup-7","utteranceId":"u3","kind":"utterance","speaker":{"id":"s2","role":"participant"},"startMs":9000,"endMs":11500,"text":"Great!"}
/// </code>
/// </summary>
internal static class PlainEventReader
{
    /// <summary>The event as the serializer would read it, or null when it is to be asked.</summary>
    public static UtteranceEvent? TryRead(ReadOnlySpan<byte> json, DateTimeOffset? receivedAt)
    {
        try
        {
            return Read(json, receivedAt);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null; // no JSON, or a string of half characters
        }
    }

    private static UtteranceEvent? Read(ReadOnlySpan<byte> json, DateTimeOffset? receivedAt)
    {
        var reader = new Utf8JsonReader(json);
        string? conversation = null, utterance = null, text = null;
        Speaker? speaker = null;
        long? startMs = null, endMs = null;
        var isUtterance = false;
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isTaken =
                reader.ValueTextEquals("conversationId"u8) ? Take(ref reader, ref conversation)
                : reader.ValueTextEquals("utteranceId"u8) ? Take(ref reader, ref utterance)
                : reader.ValueTextEquals("kind"u8) ? !isUtterance && (isUtterance = IsUtterance(ref reader))
                : reader.ValueTextEquals("speaker"u8) ? Take(ref reader, ref speaker)
                : reader.ValueTextEquals("startMs"u8) ? Take(ref reader, ref startMs)
                : reader.ValueTextEquals("endMs"u8) ? Take(ref reader, ref endMs)
                : reader.ValueTextEquals("text"u8) && Take(ref reader, ref text);
            if (!isTaken) return null;
        }

        // Reading on throws where anything follows the object.
        if (reader.TokenType != JsonTokenType.EndObject || reader.Read()) return null;
        return !isUtterance || conversation is null ? null : new()
        {
            ConversationId = conversation,
            UtteranceId = utterance!, // its setter makes it empty
            Speaker = speaker,
            StartMs = startMs,
            EndMs = endMs,
            Text = text,
            ReceivedAt = receivedAt,
        };
    }

    private static bool Take(ref Utf8JsonReader reader, ref Speaker? member)
    {
        string? id = null, role = null, displayName = null;
        if (member is not null || !reader.Read() || reader.TokenType != JsonTokenType.StartObject) return false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isTaken =
                reader.ValueTextEquals("id"u8) ? Take(ref reader, ref id)
                : reader.ValueTextEquals("role"u8) ? Take(ref reader, ref role)
                : reader.ValueTextEquals("displayName"u8) && Take(ref reader, ref displayName);
            if (!isTaken) return false;
        }

        if (id is null) return false;
        member = new(id, role, displayName);
        return true;
    }

    /// <returns>False where the member came before or is no string.</returns>
    private static bool Take(ref Utf8JsonReader reader, ref string? member)
    {
        if (member is not null || !reader.Read() || reader.TokenType != JsonTokenType.String) return false;
        member = reader.GetString();
        return true;
    }

    private static bool Take(ref Utf8JsonReader reader, ref long? member)
    {
        if (member is not null || !reader.Read() || reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var number)) return false;
        member = number;
        return true;
    }

    private static bool IsUtterance(ref Utf8JsonReader reader) =>
        reader.Read() && reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("utterance"u8);
}
