using EmoStream.Contracts.Inference;
using EmoStream.Inference.Scoring;

namespace EmoStream.Inference.Batching;

/// <summary>Bounded queue in front of the scorer: flushes on size or age; callers wait when it is full.</summary>
public sealed class ScoreBatcher(IScorer scorer) : IAsyncDisposable
{
    /// <summary>What the model is and takes.</summary>
    public ModelDescription Description => scorer.Description;

    /// <summary>Queues a request and returns its scores.</summary>
    public Task<ScoreReply> ScoreAsync(ScoreRequest request, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <inheritdoc />
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
