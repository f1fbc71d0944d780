using EmoStream.Contracts.Inference;

namespace EmoStream.Inference.Scoring;

/// <summary>Scores a batch of requests of many conversations; the real one runs ONNX, the load harness has a null one.</summary>
public interface IScorer
{
    /// <summary>What the model is and takes.</summary>
    ModelDescription Description { get; }

    /// <summary>
    /// Scores every request; called by one thread at a time. A request's answer does not depend on its neighbours.
    /// Throws for a request that does not fit (the caller checks with <see cref="ScoreRequestValidator"/> first).
    /// </summary>
    ScoreReply[] Score(IReadOnlyList<ScoreRequest> batch);
}
