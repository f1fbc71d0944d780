using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.DependencyInjection;

namespace EmoStream.Streaming.Kafka;

/// <summary>
/// Describes the messages of a topic, so that no <see cref="KafkaDataAdapter"/> has to be written. A record is matched by what
/// it says of itself:
/// <code>
/// type             header ce_type (CloudEvents, binary mode) or type; a format without a type takes what no other one names
/// schema version   header schema-version or ce_dataschema
/// content type     header content-type; application/cloudevents+json is an envelope with all three and the data (structured mode)
/// </code>
/// A record that matches nothing, or does not parse, goes to the dead-letter topic with the reason.
/// </summary>
/// <example>
/// <code>
/// silo.AddKafkaStreams("Kafka", kafka => kafka.UseMessages(messages => messages
///     .StreamFromKey("orders")
///     .Json(OrdersJson.Default.OrderPlaced, "order.placed", version: "2")
///     .Protobuf("order.paid", OrderPaid.Parser.ParseFrom, e => e.ToByteArray())
///     .AsCloudEvents("/shop")));
/// </code>
/// </example>
public sealed class KafkaMessages
{
    private readonly List<MessageFormat> _formats = [];

    internal KafkaMessages()
    {
    }

    internal IReadOnlyList<MessageFormat> Formats => _formats;

    internal string? Namespace { get; private set; }

    internal string? StreamHeader { get; private set; }

    internal string? CloudEventsSource { get; private set; }

    /// <summary>The record's key, in UTF-8, is the stream's key.</summary>
    /// <param name="streamNamespace">The stream namespace, as in the grains' <c>[ImplicitStreamSubscription]</c>.</param>
    /// <returns>This description.</returns>
    public KafkaMessages StreamFromKey(string streamNamespace)
    {
        ArgumentException.ThrowIfNullOrEmpty(streamNamespace);
        (Namespace, StreamHeader) = (streamNamespace, null);
        return this;
    }

    /// <summary>
    /// A header is the stream's key. Order within a stream is Kafka's order only where all its records have the same key;
    /// records that are sent through the stream have the header and, as their key, its value.
    /// </summary>
    /// <param name="header">The header's name.</param>
    /// <param name="streamNamespace">The stream namespace, as in the grains' <c>[ImplicitStreamSubscription]</c>.</param>
    /// <returns>This description.</returns>
    public KafkaMessages StreamFromHeader(string header, string streamNamespace)
    {
        ArgumentException.ThrowIfNullOrEmpty(header);
        ArgumentException.ThrowIfNullOrEmpty(streamNamespace);
        (Namespace, StreamHeader) = (streamNamespace, header);
        return this;
    }

    /// <summary>Events as JSON, by the serialiser's reflection and web defaults (camelCase).</summary>
    /// <typeparam name="T">The event: serialisable by Orleans, immutable.</typeparam>
    /// <param name="type">The message type; null: every record whose type no other format names.</param>
    /// <param name="version">The schema version; null: any.</param>
    /// <returns>This description.</returns>
    public KafkaMessages Json<T>(string? type = null, string? version = null)
        where T : class =>
        Json((JsonTypeInfo<T>)JsonSerializerOptions.Web.GetTypeInfo(typeof(T)), type, version);

    /// <summary>Events as JSON, by source-generated metadata.</summary>
    /// <typeparam name="T">The event: serialisable by Orleans, immutable.</typeparam>
    /// <param name="json">Its metadata.</param>
    /// <param name="type">The message type; null: every record whose type no other format names.</param>
    /// <param name="version">The schema version; null: any.</param>
    /// <returns>This description.</returns>
    public KafkaMessages Json<T>(JsonTypeInfo<T> json, string? type = null, string? version = null)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(json);
        return Add(new JsonFormat<T>(json, type, version));
    }

    /// <summary>Events as Protobuf; the package itself needs no Protobuf library.</summary>
    /// <typeparam name="T">The event: serialisable by Orleans, immutable.</typeparam>
    /// <param name="type">The message type; null: every record whose type no other format names.</param>
    /// <param name="read">The message's parser, such as <c>OrderPaid.Parser.ParseFrom</c>.</param>
    /// <param name="write">Its serialiser, such as <c>e => e.ToByteArray()</c>.</param>
    /// <param name="version">The schema version; null: any.</param>
    /// <returns>This description.</returns>
    public KafkaMessages Protobuf<T>(string? type, Func<byte[], T> read, Func<T, byte[]> write, string? version = null)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(read);
        ArgumentNullException.ThrowIfNull(write);
        return Add(new ProtobufFormat<T>(read, write, type, version));
    }

    /// <summary>Events are the record's bytes, as <c>byte[]</c>, whatever its content type.</summary>
    /// <param name="type">The message type; null: every record whose type no other format names.</param>
    /// <param name="version">The schema version; null: any.</param>
    /// <returns>This description.</returns>
    public KafkaMessages Raw(string? type = null, string? version = null) => Add(new RawFormat(type, version));

    /// <summary>Events that are sent through the streams carry CloudEvents headers (binary mode). Reading them needs no setting.</summary>
    /// <param name="source">The CloudEvents source: a URI reference.</param>
    /// <returns>This description.</returns>
    public KafkaMessages AsCloudEvents(string source)
    {
        ArgumentException.ThrowIfNullOrEmpty(source);
        CloudEventsSource = source;
        return this;
    }

    private KafkaMessages Add(MessageFormat format)
    {
        _formats.Add(format);
        return this;
    }
}

/// <summary>Adds ready-made data adapters to a provider.</summary>
public static class KafkaMessagesExtensions
{
    /// <summary>The provider's data adapter is made from a description of its messages.</summary>
    /// <param name="streams">The provider.</param>
    /// <param name="describe">Describes streams and formats.</param>
    /// <returns>The provider.</returns>
    /// <exception cref="OrleansConfigurationException">No stream or no format is described, or events could not be told apart.</exception>
    public static KafkaStreamsBuilder UseMessages(this KafkaStreamsBuilder streams, Action<KafkaMessages> describe)
    {
        ArgumentNullException.ThrowIfNull(streams);
        ArgumentNullException.ThrowIfNull(describe);
        var messages = new KafkaMessages();
        describe(messages);
        streams.Services.AddKeyedSingleton<KafkaDataAdapter>(streams.Name, new KafkaMessageAdapter(messages));
        return streams;
    }
}
