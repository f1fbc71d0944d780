using Newtonsoft.Json;
using Orleans.Streams;

namespace EmoStream.Streaming.Kafka;

/// <summary>
/// Where an event lies in Kafka. <see cref="Source"/> names the topic by its id, not only by its name: a topic that was
/// deleted and created again counts from 0 again, and offsets remembered from its former life must not swallow its events.
/// </summary>
[GenerateSerializer, Immutable, Alias("EmoStream.Streaming.Kafka.KafkaSequenceToken")]
public sealed class KafkaSequenceToken : StreamSequenceToken
{
    /// <summary>Creates a token.</summary>
    /// <param name="source">The partition, as <c>topicId/partition</c>.</param>
    /// <param name="offset">The offset within it.</param>
    /// <param name="fence">See <see cref="Fence"/>.</param>
    [JsonConstructor]
    public KafkaSequenceToken(string source, long offset, string? fence = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        (Source, Offset, Fence) = (source, offset, fence);
    }

    /// <summary>The partition, as <c>topicId/partition</c>; offsets compare only within one source.</summary>
    [Id(0)]
    public string Source { get; private set; }

    /// <summary>The offset within the source.</summary>
    [Id(1)]
    public long Offset { get; private set; }

    /// <summary>
    /// The life of the <see cref="KafkaPositionStore"/> in which the partition's reader took its position; null without a store.
    /// Whoever keeps effects in the same place refuses an event whose fence is not the present life: events before it may be
    /// missing there. No part of the token's identity or order.
    /// </summary>
    [Id(2)]
    public string? Fence { get; private set; }

    /// <summary>The offset: Orleans' name for it.</summary>
    [JsonIgnore]
    public override long SequenceNumber
    {
        get => Offset;
        protected set => Offset = value;
    }

    /// <summary>Always 0: a Kafka record is one event.</summary>
    [JsonIgnore]
    public override int EventIndex
    {
        get => 0;
        protected set => ArgumentOutOfRangeException.ThrowIfNotEqual(value, 0);
    }

    /// <inheritdoc/>
    public override bool Equals(StreamSequenceToken? other) =>
        other is KafkaSequenceToken token && token.Offset == Offset && string.Equals(token.Source, Source, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as StreamSequenceToken);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Source, Offset);

    /// <summary>Orders two tokens of the same source by offset.</summary>
    /// <param name="other">The other token; null is before every token.</param>
    /// <returns>Negative, zero or positive.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The other token is of another source or kind: there is no order between them.</exception>
    public override int CompareTo(StreamSequenceToken? other) => other switch
    {
        null => 1,
        KafkaSequenceToken token when string.Equals(token.Source, Source, StringComparison.Ordinal) => Offset.CompareTo(token.Offset),
        _ => throw new ArgumentOutOfRangeException(nameof(other), $"{other} cannot be compared with {this}: not the same source."),
    };

    /// <inheritdoc/>
    public override string ToString() => $"{Source}@{Offset}";
}
