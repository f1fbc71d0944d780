using Microsoft.Extensions.Primitives;

namespace EmoStream.Streaming.Kafka;

/// <summary>
/// Keeps how far each partition's effects are durable, in the place where the effects are. When that place loses what it had
/// acknowledged (restored from an older copy, failed over to a replica that lagged), the position goes back with the
/// effects, and reading starts there again; a position in Kafka would stay ahead of them.
/// </summary>
/// <remarks>
/// The place has lives, and each has a name, the fence: from one loss that is possible to the next. An event carries the fence
/// under which its partition was positioned (<see cref="KafkaSequenceToken.Fence"/>). Whoever writes effects must refuse an
/// event whose fence is not the present life, and must forget what it remembers from another one.
/// </remarks>
public abstract class KafkaPositionStore
{
    /// <summary>Signals that another life has begun: every reader takes its position anew.</summary>
    public abstract IChangeToken Lost { get; }

    /// <summary>Takes a partition over: from now on earlier owners cannot advance it.</summary>
    /// <param name="source">The partition, as <see cref="KafkaSequenceToken.Source"/>.</param>
    /// <param name="held">
    /// The last claim of a reader that holds the partition and takes its position anew; null when it takes the partition over.
    /// It must not take back what a later owner has claimed since (a higher epoch); a claim of its own, of which it did not get
    /// the answer, is no other owner's.
    /// </param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Where to read on; null: a later owner has claimed the partition, nothing has changed.</returns>
    public abstract ValueTask<KafkaPosition?> ClaimAsync(string source, KafkaPosition? held, CancellationToken cancellationToken);

    /// <summary>
    /// Everything below an offset is durable; called before the offset is committed to Kafka. With an earlier offset than the
    /// last one when reading goes back (<see cref="KafkaRewind"/>): it must be noted all the same.
    /// </summary>
    /// <param name="source">The partition, as <see cref="KafkaSequenceToken.Source"/>.</param>
    /// <param name="claimed">What <see cref="ClaimAsync"/> returned. In another life than that it must not advance.</param>
    /// <param name="offset">The first offset that is not durable.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Whether it is noted.</returns>
    public abstract ValueTask<KafkaAdvance> AdvanceAsync(string source, KafkaPosition claimed, long offset, CancellationToken cancellationToken);
}

/// <summary>A partition's position in a <see cref="KafkaPositionStore"/>, and the right to advance it.</summary>
/// <param name="Fence">The life of the store that said so.</param>
/// <param name="Epoch">Counts the owners of the partition.</param>
/// <param name="Offset">The first offset that is not durable; null when the store has none: everything that Kafka still has is read.</param>
/// <param name="IsSure">
/// False when the position was noted in a life that is over: reading then starts <see cref="KafkaStreamOptions.RewindMargin"/> earlier.
/// </param>
public sealed record KafkaPosition(string Fence, long Epoch, long? Offset, bool IsSure);

/// <summary>How <see cref="KafkaPositionStore.AdvanceAsync"/> ended.</summary>
public enum KafkaAdvance
{
    /// <summary>Noted.</summary>
    Noted,

    /// <summary>Refused: a later owner has claimed the partition, this one must stop reading it.</summary>
    Superseded,

    /// <summary>Refused: the life of the claim is over; claim again.</summary>
    Lost,
}
