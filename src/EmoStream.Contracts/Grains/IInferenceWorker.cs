using EmoStream.Contracts.Inference;

namespace EmoStream.Contracts.Grains;

/// <summary>Stateless worker in front of the model of its silo; the key is always 0.</summary>
[Alias("EmoStream.IInferenceWorker")]
public interface IInferenceWorker : IGrainWithIntegerKey
{
    /// <summary>What the model is and takes.</summary>
    [Alias("Describe")]
    ValueTask<ModelDescription> DescribeAsync();

    /// <summary>Scores utterances in their context, batched with those of other conversations.</summary>
    /// <exception cref="UnscorableException">The request does not fit the model, or the result is not finite.</exception>
    [Alias("Score")]
    // A backlog may be long, and what a caller gives up is computed all the same: giving up early only adds to it.
    [ResponseTimeout("00:10:00")]
    ValueTask<ScoreReply> ScoreAsync(ScoreRequest request, CancellationToken cancellationToken);
}
