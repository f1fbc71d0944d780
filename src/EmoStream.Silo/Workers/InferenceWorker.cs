using EmoStream.Contracts.Grains;
using EmoStream.Contracts.Inference;
using EmoStream.Inference.Batching;
using Orleans.Concurrency;

namespace EmoStream.Silo.Workers;

/// <summary>
/// Stateless worker between the conversations and this silo's batcher. One activation per silo is enough: it is
/// reentrant and only awaits, so that requests of many conversations meet in one batch.
/// </summary>
[StatelessWorker(1), Reentrant]
internal sealed class InferenceWorker(ScoreBatcher batcher) : Grain, IInferenceWorker
{
    public ValueTask<ModelDescription> DescribeAsync() => new(batcher.Description);

    public async ValueTask<ScoreReply> ScoreAsync(ScoreRequest request, CancellationToken cancellationToken)
    {
        var reply = await batcher.ScoreAsync(request, cancellationToken);
        foreach (var score in reply.Scores)
        {
            if (!Array.TrueForAll(score.Weights, float.IsFinite)) throw new UnscorableException("The model gave a weight that is not finite.");
        }

        return reply;
    }
}
