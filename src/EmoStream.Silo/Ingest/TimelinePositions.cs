using EmoStream.Streaming.Kafka;
using EmoStream.Timeline.Incarnation;
using Microsoft.Extensions.Primitives;

namespace EmoStream.Silo.Ingest;

/// <summary>The positions of the utterance topic, in the Redis that holds the timelines.</summary>
internal sealed class TimelinePositions(Watermarks watermarks) : KafkaPositionStore
{
    public override IChangeToken Lost => watermarks.Lost;

    public override async ValueTask<KafkaPosition?> ClaimAsync(string source, KafkaPosition? held, CancellationToken cancellationToken) =>
        await watermarks.ClaimAsync(source, held?.Epoch).WaitAsync(cancellationToken) is { } claimed
            ? new(claimed.Life, claimed.Epoch, claimed.Offset, claimed.IsSure)
            : null;

    public override async ValueTask<KafkaAdvance> AdvanceAsync(
        string source, KafkaPosition claimed, long offset, CancellationToken cancellationToken) =>
        await watermarks.AdvanceAsync(source, claimed.Fence, claimed.Epoch, offset).WaitAsync(cancellationToken) switch
        {
            true => KafkaAdvance.Noted,
            false => KafkaAdvance.Superseded,
            null => KafkaAdvance.Lost,
        };
}
