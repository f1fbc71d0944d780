namespace EmoStream.Streaming.Kafka.Ownership;

/// <summary>From where a partition is to be read again.</summary>
/// <param name="Offset">This record; null: by time.</param>
/// <param name="Time">The first record that is not older.</param>
/// <param name="Source">What the offset is of, as <see cref="KafkaSequenceToken.Source"/>; null: whatever is read now.</param>
/// <param name="Stream">Only this stream gets its events again; null: all of the partition.</param>
[GenerateSerializer, Immutable, Alias("EmoStream.Streaming.Kafka.RewindTarget")]
internal sealed record RewindTarget(
    [property: Id(0)] long? Offset, [property: Id(1)] DateTimeOffset? Time, [property: Id(2)] string? Source, [property: Id(3)] StreamId? Stream);

/// <summary>How it ended.</summary>
/// <param name="From">Where reading is now.</param>
/// <param name="Refusal">Why it stayed where it was; null: it did not.</param>
[GenerateSerializer, Immutable, Alias("EmoStream.Streaming.Kafka.RewindOutcome")]
internal sealed record RewindOutcome([property: Id(0)] long From, [property: Id(1)] string? Refusal);
