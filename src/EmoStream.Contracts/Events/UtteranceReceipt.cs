namespace EmoStream.Contracts.Events;

/// <summary>The gateway's answer to posted utterances: Kafka holds them durably, the timeline will follow.</summary>
/// <param name="Count">Number of accepted events.</param>
/// <param name="Records">Where each event lies, in the order they were posted.</param>
public sealed record UtteranceReceipt(int Count, IReadOnlyList<RecordPosition> Records);

/// <summary>Where a record lies in its Kafka topic.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="Offset">The offset within the partition.</param>
public readonly record struct RecordPosition(int Partition, long Offset);
