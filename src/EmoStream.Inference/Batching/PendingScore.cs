using EmoStream.Contracts.Inference;

namespace EmoStream.Inference.Batching;

/// <summary>A request that waits for its batch, and the promise of its reply.</summary>
internal sealed class PendingScore(ScoreRequest request, long arrived)
    // The scorer's thread must not run the callers' code.
    : TaskCompletionSource<ScoreReply>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    public ScoreRequest Request { get; } = request;

    /// <summary>Timestamp of the batcher's clock.</summary>
    public long Arrived { get; } = arrived;

    /// <summary>What it adds to a batch: a request that only encodes counts as one too.</summary>
    public int Utterances { get; } = Math.Max(1, request.Scored.Length);
}
