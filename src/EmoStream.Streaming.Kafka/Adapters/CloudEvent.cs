using System.Text;
using System.Text.Json;

namespace EmoStream.Streaming.Kafka;

/// <summary>
/// A CloudEvent in structured mode, one JSON object with attributes and data:
/// <code>
/// {"specversion":"1.0","id":"7","source":"/shop","type":"order.placed","dataschema":"2","datacontenttype":"application/json","data":{"amount":3}}
/// </code>
/// </summary>
internal static class CloudEvent
{
    public const string SpecVersion = "1.0";
    private const string Json = "application/json";

    /// <summary>Takes the envelope off.</summary>
    /// <returns>False and the reason, which never quotes the payload, when it is none.</returns>
    public static bool TryOpen(ReadOnlyMemory<byte> envelope, out Message message, out string? error)
    {
        message = default;
        try
        {
            message = Open(envelope, out error);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            error = "not-a-cloudevent: no JSON object with attributes of the right types";
        }
        return error is null;
    }

    private static Message Open(ReadOnlyMemory<byte> envelope, out string? error)
    {
        string? specVersion = null, type = null, schema = null, contentType = Json, text = null;
        ReadOnlyMemory<byte>? data = null;
        var reader = new Utf8JsonReader(envelope.Span);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException();
        }
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            switch (name)
            {
                case "specversion": specVersion = reader.GetString(); break;
                case "type": type = reader.GetString(); break;
                case "dataschema": schema = reader.GetString(); break;
                case "datacontenttype": contentType = KafkaMessageAdapter.MediaType(reader.GetString()) ?? Json; break;
                case "data_base64": data = reader.GetBytesFromBase64(); break;
                case "data":
                    var start = (int)reader.TokenStartIndex;
                    text = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
                    reader.Skip();
                    data = envelope[start..(int)reader.BytesConsumed];
                    break;
                default: reader.Skip(); break;
            }
        }
        reader.Read(); // throws on anything behind the object
        // Data that is no JSON stands in the envelope as a string.
        if (text is not null && !MessageFormat.IsJson(contentType))
        {
            data = Encoding.UTF8.GetBytes(text);
        }
        error = specVersion != SpecVersion ? "not-a-cloudevent: specversion, expected 1.0"
            : type is null ? "not-a-cloudevent: type is missing"
            : data is null ? "not-a-cloudevent: data is missing"
            : null;
        return new(data.GetValueOrDefault(), contentType, type, schema);
    }
}
