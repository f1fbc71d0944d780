using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace EmoStream.Streaming.Kafka;

/// <summary>One kind of message: what it is called, and how its bytes become an event and back.</summary>
internal abstract class MessageFormat(string? type, string? version, string contentType, Type eventType)
{
    /// <summary>Null: every record whose type no other format names.</summary>
    public string? Type => type;

    /// <summary>Null: any.</summary>
    public string? Version => version;

    public string ContentType => contentType;

    public Type EventType => eventType;

    /// <param name="mediaType">Without parameters.</param>
    public abstract bool Takes(ReadOnlySpan<char> mediaType);

    /// <returns>The event, or null and why not; the reason never quotes the payload.</returns>
    public abstract object? Read(ReadOnlyMemory<byte> data, out string? error);

    public abstract byte[] Write(object streamEvent);

    /// <summary>The array itself where the memory is a whole one: records are never changed.</summary>
    protected static byte[] ArrayOf(ReadOnlyMemory<byte> data) =>
        MemoryMarshal.TryGetArray(data, out var segment) && segment.Offset == 0 && segment.Count == segment.Array!.Length ? segment.Array : data.ToArray();

    public static bool IsJson(ReadOnlySpan<char> mediaType) =>
        mediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase) || mediaType.EndsWith("+json", StringComparison.OrdinalIgnoreCase);
}

internal sealed class JsonFormat<T>(JsonTypeInfo<T> json, string? type, string? version)
    : MessageFormat(type, version, "application/json", typeof(T))
    where T : class
{
    public override bool Takes(ReadOnlySpan<char> mediaType) => IsJson(mediaType);

    public override object? Read(ReadOnlyMemory<byte> data, out string? error)
    {
        try
        {
            var value = JsonSerializer.Deserialize(data.Span, json);
            error = value is null ? "not-an-event: the payload is JSON null" : null;
            return value;
        }
        catch (JsonException e)
        {
            // Message and inner exceptions may quote the payload, and the path has the keys of dictionaries; the position has neither.
            error = string.Create(CultureInfo.InvariantCulture, $"not-json: invalid at line {e.LineNumber}, byte {e.BytePositionInLine}");
        }
        catch (InvalidOperationException)
        {
            error = "not-json: a string is not valid UTF-16";
        }
        return null;
    }

    public override byte[] Write(object streamEvent) => JsonSerializer.SerializeToUtf8Bytes((T)streamEvent, json);
}

internal sealed class ProtobufFormat<T>(Func<byte[], T> read, Func<T, byte[]> write, string? type, string? version)
    : MessageFormat(type, version, "application/x-protobuf", typeof(T))
    where T : class
{
    public override bool Takes(ReadOnlySpan<char> mediaType) =>
        mediaType.Equals("application/x-protobuf", StringComparison.OrdinalIgnoreCase)
        || mediaType.Equals("application/protobuf", StringComparison.OrdinalIgnoreCase);

    public override object? Read(ReadOnlyMemory<byte> data, out string? error)
    {
        try
        {
            error = null;
            return read(ArrayOf(data));
        }
        catch (Exception e)
        {
            // Which exceptions a parser throws is its library's business.
            error = $"not-protobuf: the parser threw {e.GetType().Name}";
            return null;
        }
    }

    public override byte[] Write(object streamEvent) => write((T)streamEvent);
}

internal sealed class RawFormat(string? type, string? version) : MessageFormat(type, version, "application/octet-stream", typeof(byte[]))
{
    public override bool Takes(ReadOnlySpan<char> mediaType) => true;

    public override object? Read(ReadOnlyMemory<byte> data, out string? error)
    {
        error = null;
        return ArrayOf(data);
    }

    public override byte[] Write(object streamEvent) => (byte[])streamEvent;
}
