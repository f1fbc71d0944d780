using System.Text;
using System.Text.Unicode;
using Confluent.Kafka;

namespace EmoStream.Streaming.Kafka;

/// <summary>The data adapter that <see cref="KafkaMessages"/> describes: says what a record is, then has its format read it.</summary>
internal sealed class KafkaMessageAdapter : KafkaDataAdapter
{
    private const string ContentTypeHeader = "content-type";
    private const string CloudEvents = "application/cloudevents";

    private readonly MessageFormat[] _formats;
    private readonly Dictionary<Type, MessageFormat> _byEvent = [];
    private readonly byte[] _namespace;
    private readonly string? _streamHeader;
    private readonly string? _source;

    public KafkaMessageAdapter(KafkaMessages messages)
    {
        _formats = [.. messages.Formats];
        if (messages.Namespace is null || _formats.Length == 0)
        {
            throw new OrleansConfigurationException($"{nameof(KafkaMessagesExtensions.UseMessages)} needs {nameof(KafkaMessages.StreamFromKey)} or {nameof(KafkaMessages.StreamFromHeader)}, and a format.");
        }
        (_namespace, _streamHeader, _source) = (Encoding.UTF8.GetBytes(messages.Namespace), messages.StreamHeader, messages.CloudEventsSource);
        foreach (var format in _formats)
        {
            if (!_byEvent.TryAdd(format.EventType, format))
            {
                throw new OrleansConfigurationException($"Two formats make events of {format.EventType}: which one to send them in would not be known.");
            }
            if (_source is not null && format.Type is null)
            {
                throw new OrleansConfigurationException($"CloudEvents have a type: name that of {format.EventType}.");
            }
        }
    }

    public override KafkaDecoded Decode(in KafkaRecord record)
    {
        record.TryGetHeader(ContentTypeHeader, out var contentType);
        var message = new Message(record.Value, MediaType(contentType), null, null);
        string? error;
        if (message.ContentType is { } mediaType && mediaType.StartsWith(CloudEvents, StringComparison.OrdinalIgnoreCase))
        {
            if (!mediaType.Equals(CloudEvents + "+json", StringComparison.OrdinalIgnoreCase))
            {
                return KafkaDecoded.Reject("unknown-content-type: of the CloudEvents envelopes only application/cloudevents+json is read");
            }
            if (!CloudEvent.TryOpen(record.Value, out message, out error))
            {
                return KafkaDecoded.Reject(error!);
            }
        }
        else
        {
            message = message with
            {
                Type = Header(record, "ce_type") ?? Header(record, "type"),
                Version = Header(record, "schema-version") ?? Header(record, "ce_dataschema"),
            };
        }
        if (Find(message, out error) is not { } format || format.Read(message.Data, out error) is not { } streamEvent)
        {
            return KafkaDecoded.Reject(error ?? "not-an-event: the parser returned null");
        }
        ReadOnlyMemory<byte> key = record.Key;
        if (_streamHeader is not null)
        {
            if (record.Headers is null || !record.Headers.TryGetLastBytes(_streamHeader, out var value) || value is null or { Length: 0 })
            {
                return KafkaDecoded.Reject($"missing-header: {_streamHeader}");
            }
            key = value;
        }
        // Grains are named by text: two keys that only differ in what is no UTF-8 would be one.
        return Utf8.IsValid(key.Span)
            ? KafkaDecoded.Accept(StreamId.Create(_namespace, key.Span), streamEvent)
            : KafkaDecoded.Reject("bad-key: the stream's key is not UTF-8");
    }

    public override KafkaOutgoing Encode(StreamId streamId, object streamEvent)
    {
        if (!_byEvent.TryGetValue(streamEvent.GetType(), out var format))
        {
            throw new NotSupportedException($"No format was described for events of {streamEvent.GetType()}.");
        }
        var key = streamId.Key.ToArray();
        var headers = new Headers();
        Add(ContentTypeHeader, format.ContentType);
        if (_source is not null)
        {
            Add("ce_specversion", CloudEvent.SpecVersion);
            Add("ce_id", Guid.NewGuid().ToString());
            Add("ce_source", _source);
        }
        Add(_source is null ? "type" : "ce_type", format.Type);
        Add(_source is null ? "schema-version" : "ce_dataschema", format.Version);
        if (_streamHeader is not null)
        {
            headers.Add(_streamHeader, key);
        }
        return new(key, format.Write(streamEvent), headers);

        void Add(string name, string? value)
        {
            if (value is not null)
            {
                headers.Add(name, Encoding.UTF8.GetBytes(value));
            }
        }
    }

    /// <summary>By type, else a format for any; of these by version; of these by content type.</summary>
    private MessageFormat? Find(Message message, out string? error)
    {
        var ofType = Array.FindAll(_formats, f => f.Type is not null && f.Type == message.Type);
        if (ofType.Length == 0)
        {
            ofType = Array.FindAll(_formats, f => f.Type is null);
        }
        if (ofType.Length == 0)
        {
            error = message.Type is null ? "missing-header: type" : "unknown-type: no format has the record's type";
            return null;
        }
        var ofVersion = Array.FindAll(ofType, f => f.Version is not null && f.Version == message.Version);
        if (ofVersion.Length == 0)
        {
            ofVersion = Array.FindAll(ofType, f => f.Version is null);
        }
        if (ofVersion.Length == 0)
        {
            error = $"schema-version: expected {string.Join(" or ", ofType.Select(f => f.Version))}";
            return null;
        }
        var found = message.ContentType is { } mediaType ? Array.Find(ofVersion, f => f.Takes(mediaType)) : ofVersion[0];
        error = found is null ? $"unknown-content-type: expected {string.Join(" or ", ofVersion.Select(f => f.ContentType))}" : null;
        return found;
    }

    private static string? Header(in KafkaRecord record, string name) => record.TryGetHeader(name, out var value) ? value : null;

    internal static string? MediaType(string? contentType)
    {
        var parameters = contentType?.IndexOf(';', StringComparison.Ordinal) ?? -1;
        return (parameters < 0 ? contentType : contentType![..parameters])?.Trim();
    }
}

/// <summary>What a record says of itself.</summary>
internal readonly record struct Message(ReadOnlyMemory<byte> Data, string? ContentType, string? Type, string? Version);
