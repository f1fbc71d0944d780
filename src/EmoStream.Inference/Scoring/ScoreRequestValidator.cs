using EmoStream.Contracts.Inference;

namespace EmoStream.Inference.Scoring;

/// <summary>Checks a request against a model before it joins a batch, so that a bad one fails alone.</summary>
public static class ScoreRequestValidator
{
    /// <summary>Null when the request fits, else what does not and where.</summary>
    public static string? Validate(ScoreRequest request, ModelDescription model) => throw new NotImplementedException();
}
