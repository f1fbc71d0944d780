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
    /// <exception cref="InvalidOperationException">The request does not fit the model: descriptor length, modality without encoder.</exception>
    [Alias("Score")]
    ValueTask<ScoreReply> ScoreAsync(ScoreRequest request, CancellationToken cancellationToken);
}
