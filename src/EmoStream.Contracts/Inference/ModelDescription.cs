namespace EmoStream.Contracts.Inference;

/// <summary>What a conversation must know of the model that scores it.</summary>
[GenerateSerializer, Immutable, Alias("EmoStream.ModelDescription")]
public sealed record ModelDescription
{
    /// <summary><c>name@version</c> of the bundle.</summary>
    [Id(0)] public required string Bundle { get; init; }

    /// <summary>The labels, in the order of every probability vector.</summary>
    [Id(1)] public required string[] Labels { get; init; }

    /// <summary>The modalities the model takes, in the order of descriptors and weights.</summary>
    [Id(2)] public required ModelModality[] Modalities { get; init; }

    /// <summary>W, the receptive field: how many earlier utterances the score of one depends on, whatever makes it so.</summary>
    [Id(3)] public required int Window { get; init; }

    /// <summary>K: how many later utterances the final score of one depends on; 0 = scores are final at once.</summary>
    [Id(4)] public int LookAhead { get; init; }

    /// <summary>Nominal coverage of prediction sets.</summary>
    [Id(5)] public float Coverage { get; init; }
}

/// <summary>One modality that a model takes.</summary>
/// <param name="Name">One of <see cref="Modality.All"/>.</param>
/// <param name="FeatureSpace"><c>name@version</c> of the descriptor.</param>
/// <param name="Dimension">Length of the descriptor.</param>
/// <param name="HasEncoder">Whether the bundle encodes raw input of this modality; without it only features are accepted.</param>
[GenerateSerializer, Immutable, Alias("EmoStream.ModelModality")]
public sealed record ModelModality(
    [property: Id(0)] string Name,
    [property: Id(1)] string FeatureSpace,
    [property: Id(2)] int Dimension,
    [property: Id(3)] bool HasEncoder);
