using EmoStream.Contracts.Events;

namespace EmoStream.Contracts.Inference;

/// <summary>
/// "Score these utterances in this context": consecutive rows of one conversation, oldest first. Rows that were
/// encoded before bring their descriptors, new rows their raw input: nothing is encoded twice.
/// </summary>
[GenerateSerializer, Immutable, Alias("EmoStream.ScoreRequest")]
public sealed record ScoreRequest
{
    /// <summary>The rows; at least W rows before the first scored one unless the conversation is younger.</summary>
    [Id(0)] public required ContextRow[] Rows { get; init; }

    /// <summary>Indexes into <see cref="Rows"/> of those to score, ascending.</summary>
    [Id(1)] public required int[] Scored { get; init; }
}

/// <summary>One utterance as the model sees it.</summary>
[GenerateSerializer, Immutable, Alias("EmoStream.ContextRow")]
public sealed record ContextRow
{
    /// <summary>The speaker's number within the conversation; only equality matters.</summary>
    [Id(0)] public required int Speaker { get; init; }

    /// <summary>Per modality of the model, float16 little-endian, or null when absent; null as a whole: <see cref="Input"/> is to be encoded.</summary>
    [Id(1)] public byte[]?[]? Descriptors { get; init; }

    /// <summary>Raw input of a new row; only what the policy allows.</summary>
    [Id(2)] public RowInput? Input { get; init; }
}

/// <summary>What an utterance brings after the policy gate.</summary>
[GenerateSerializer, Immutable, Alias("EmoStream.RowInput")]
public sealed record RowInput
{
    /// <summary>What was said.</summary>
    [Id(0)] public string? Text { get; init; }

    /// <summary>The voice.</summary>
    [Id(1)] public ModalityInput? Audio { get; init; }

    /// <summary>The face.</summary>
    [Id(2)] public ModalityInput? Face { get; init; }

    /// <summary>The body.</summary>
    [Id(3)] public ModalityInput? Body { get; init; }
}

/// <summary>The answer to a <see cref="ScoreRequest"/>.</summary>
[GenerateSerializer, Immutable, Alias("EmoStream.ScoreReply")]
public sealed record ScoreReply
{
    /// <summary>The bundle that scored; differs from the caller's when a worker was upgraded meanwhile.</summary>
    [Id(0)] public required string Bundle { get; init; }

    /// <summary>Per row of the request its descriptors, as in <see cref="ContextRow.Descriptors"/>; null for rows that came with theirs.</summary>
    [Id(1)] public required byte[]?[]?[] Descriptors { get; init; }

    /// <summary>One score per index in <see cref="ScoreRequest.Scored"/>, in that order.</summary>
    [Id(2)] public required Score[] Scores { get; init; }
}

/// <summary>What the model says of one utterance.</summary>
[GenerateSerializer, Immutable, Alias("EmoStream.Score")]
public sealed record Score
{
    /// <summary>Calibrated probabilities in the order of the bundle's labels.</summary>
    [Id(0)] public required float[] Probabilities { get; init; }

    /// <summary>QAF weight per modality of the model; 0 where neither available nor recovered.</summary>
    [Id(1)] public required float[] Weights { get; init; }

    /// <summary>Indexes of the labels in the conformal set, most probable first; null where the bundle offers none.</summary>
    [Id(2)] public int[]? PredictionSet { get; init; }
}
