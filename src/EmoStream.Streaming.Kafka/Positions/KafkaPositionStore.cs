using Microsoft.Extensions.Primitives;

namespace EmoStream.Streaming.Kafka;

/// <summary>
/// Keeps how far each partition's effects are durable, in the place where the effects are. When that place loses what it had
/// acknowledged (restored from an older copy, failed over to a replica that lagged), the position goes back with the
/// effects, and reading starts there again; a position in Kafka would stay ahead of them.
/// </summary>
public abstract class KafkaPositionStore
{
    /// <summary>Names the present life of the place; another one may have lost what was acknowledged in this. Null until it is known.</summary>
    public abstract string? Fence { get; }

    /// <summary>Signals that <see cref="Fence"/> has changed: every reader takes its position anew.</summary>
    public abstract IChangeToken Lost { get; }

    /// <summary>Takes a partition over: from now on <see cref="AdvanceAsync"/> with a lower epoch is refused.</summary>
    /// <param name="source">The partition, as <see cref="KafkaSequenceToken.Source"/>.</param>
    /// <param name="epoch">The owner's number; each owner's is higher than its predecessor's.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Where to read on, and the fence that this position belongs to.</returns>
    public abstract ValueTask<KafkaPosition> ClaimAsync(string source, long epoch, CancellationToken cancellationToken);

    /// <summary>Everything below an offset is durable; called before the offset is committed to Kafka.</summary>
    /// <param name="source">The partition, as <see cref="KafkaSequenceToken.Source"/>.</param>
    /// <param name="epoch">The owner's number.</param>
    /// <param name="offset">The first offset that is not durable.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>False when a later owner has claimed the partition: this one must stop reading it.</returns>
    public abstract ValueTask<bool> AdvanceAsync(string source, long epoch, long offset, CancellationToken cancellationToken);
}

/// <summary>A partition's position in a <see cref="KafkaPositionStore"/>.</summary>
/// <param name="Offset">The first offset that is not durable; null when the store has none for this partition.</param>
/// <param name="Fence">The life of the store that said so.</param>
public readonly record struct KafkaPosition(long? Offset, string Fence);
