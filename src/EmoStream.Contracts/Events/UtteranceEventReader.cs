using System.Text.Json;
using Google.Protobuf;

namespace EmoStream.Contracts.Events;

/// <summary>
/// Bytes of a record (or an HTTP body) to a valid <see cref="UtteranceEvent"/>, or the reason why not. Reasons name
/// members and positions, never values: they end up in headers and logs.
/// </summary>
public static class UtteranceEventReader
{
    /// <summary>Content type of the JSON form, the default.</summary>
    public const string Json = "application/json";

    /// <summary>Content type of the Protobuf form, <c>utterance_event.proto</c>.</summary>
    public const string Protobuf = "application/x-protobuf";

    /// <summary>Reads and validates one event.</summary>
    /// <param name="payload">The record's value.</param>
    /// <param name="contentType">Media type, parameters allowed; null means JSON.</param>
    /// <param name="error">Why the payload is not a valid event; null when it is.</param>
    /// <param name="receivedAt">What becomes <see cref="UtteranceEvent.ReceivedAt"/>.</param>
    /// <returns>The event, or null.</returns>
    public static UtteranceEvent? TryRead(ReadOnlySpan<byte> payload, string? contentType, out string? error, DateTimeOffset? receivedAt = null)
    {
        var e = Parse(payload, contentType, receivedAt, out error);
        error ??= UtteranceEventValidator.Validate(e!);
        return error is null ? e : null;
    }

    private static UtteranceEvent? Parse(ReadOnlySpan<byte> payload, string? contentType, DateTimeOffset? receivedAt, out string? error)
    {
        error = null;
        var mediaType = (contentType ?? Json).AsSpan();
        var parameters = mediaType.IndexOf(';');
        mediaType = (parameters < 0 ? mediaType : mediaType[..parameters]).Trim();
        try
        {
            if (mediaType.Equals(Protobuf, StringComparison.OrdinalIgnoreCase) || mediaType.Equals("application/protobuf", StringComparison.OrdinalIgnoreCase))
            {
                return UtteranceEventProtobuf.Read(payload, out error) is { } read ? read with { ReceivedAt = receivedAt } : null;
            }

            if (mediaType.Equals(Json, StringComparison.OrdinalIgnoreCase) || mediaType.EndsWith("+json", StringComparison.OrdinalIgnoreCase))
            {
                if (PlainEventReader.TryRead(payload, receivedAt) is { } plain) return plain;
                var e = JsonSerializer.Deserialize(payload, ContractsJson.Default.UtteranceEvent);
                error = e is null ? "not-an-event: the payload is JSON null" : HasKnownKind(payload) ? null : "unknown-kind: kind";
                return e is null || error is not null ? null : e with { ReceivedAt = receivedAt };
            }

            error = "unknown-content-type: expected application/json or application/x-protobuf";
        }
        catch (JsonException ex)
        {
            // Message and inner exceptions may quote the payload; path and position do not.
            error = ex.Path is null or "$" or ""
                ? Invariant($"not-json: invalid at line {ex.LineNumber}, byte {ex.BytePositionInLine}")
                : Invariant($"wrong-type: {ex.Path} at line {ex.LineNumber}, byte {ex.BytePositionInLine}");
        }
        catch (InvalidOperationException)
        {
            error = "not-json: a string is not valid UTF-16";
        }
        catch (InvalidProtocolBufferException)
        {
            error = "not-protobuf: the payload is no UtteranceEventMessage";
        }

        return null;
    }

    /// <summary>The serializer takes numbers for a kind, and lists: a retraction and an utterance would be one or the other.</summary>
    private static bool HasKnownKind(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isKind = reader.ValueTextEquals("kind"u8);
            reader.Read();
            if (isKind)
            {
                return reader.TokenType == JsonTokenType.String
                    && (reader.ValueTextEquals("utterance"u8) || reader.ValueTextEquals("revision"u8) || reader.ValueTextEquals("retraction"u8) || reader.ValueTextEquals("end"u8));
            }

            reader.Skip();
        }

        return true;
    }

    private static string Invariant(FormattableString s) => FormattableString.Invariant(s);
}
