namespace EmoStream.Inference.Scoring;

/// <summary>
/// What evaluation reads of one utterance beside its <see cref="Contracts.Inference.Score"/>: outputs that the graph
/// may have and that serving never asks for, so that it does not pay for them.
/// </summary>
public sealed record Diagnosis
{
    /// <summary>
    /// Per modality the logits of its own auxiliary head, float32 [labels], taken on the descriptor that enters the
    /// fusion: its own where available, the recovered one where absent. Null when the graph has no output <c>single</c>.
    /// </summary>
    public float[][]? Heads { get; init; }

    /// <summary>
    /// Per modality its unit vector in the joint space, float32 [joint], meaningful only where available: cosines between
    /// modalities are what the contrastive loss aligned. Null when the graph has no output <c>joint</c>.
    /// </summary>
    public float[][]? Joint { get; init; }
}
