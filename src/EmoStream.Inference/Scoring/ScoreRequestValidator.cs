using System.Numerics.Tensors;
using EmoStream.Contracts;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Inference;
using EmoStream.Inference.Encoding;

namespace EmoStream.Inference.Scoring;

/// <summary>
/// Checks a request against a model before it joins a batch, so that a bad one fails alone. Messages name rows,
/// modalities and sizes, never what somebody said.
/// </summary>
public static class ScoreRequestValidator
{
    /// <summary>Null when the request fits, else what does not and where.</summary>
    public static string? Validate(ScoreRequest request, ModelDescription model)
    {
        for (var i = 0; i < request.Rows.Length; i++)
        {
            if (Row(request.Rows[i], model) is { } problem)
            {
                return $"row {i} of {request.Rows.Length}: {problem}";
            }
        }

        var previous = -1;
        foreach (var index in request.Scored)
        {
            if (index <= previous || index >= request.Rows.Length)
            {
                return $"scored index {index}: expected ascending indexes below {request.Rows.Length}";
            }

            if (!HasAny(request.Rows[index], model))
            {
                return $"row {index} of {request.Rows.Length}: expected a modality that {model.Bundle} takes: a row without one cannot be scored";
            }

            previous = index;
        }

        return null;
    }

    /// <summary>The input of a modality; text has none, it is a string of its own.</summary>
    internal static ModalityInput? InputOf(RowInput input, string modality) => modality switch
    {
        Modality.Audio => input.Audio,
        Modality.Face => input.Face,
        Modality.Body => input.Body,
        _ => null,
    };

    private static string? Row(ContextRow row, ModelDescription model)
        => row.Descriptors is { } descriptors ? Descriptors(descriptors, model)
        : row.Input is { } input ? Input(input, model)
        : "expected descriptors or input";

    private static string? Descriptors(byte[]?[] descriptors, ModelDescription model)
    {
        if (descriptors.Length != model.Modalities.Length)
        {
            return $"expected {model.Modalities.Length} descriptor(s), one per modality of {model.Bundle}, found {descriptors.Length}";
        }

        for (var m = 0; m < descriptors.Length; m++)
        {
            var modality = model.Modalities[m];
            if (descriptors[m] is { } descriptor && descriptor.Length != Descriptor.SizeOf(modality.Dimension))
            {
                return $"{modality.Name}: expected a descriptor of {Descriptor.SizeOf(modality.Dimension)} bytes ({modality.Dimension} float16 of {modality.FeatureSpace}), found {descriptor.Length}";
            }
        }

        return null;
    }

    private static string? Input(RowInput input, ModelDescription model)
    {
        foreach (var modality in model.Modalities)
        {
            if (modality.Name == Modality.Text)
            {
                if (input.Text is not null && !modality.HasEncoder)
                {
                    return $"text: {model.Bundle} has no text encoder";
                }
            }
            else if (InputOf(input, modality.Name) is { } given && Features(given, modality, model) is { } problem)
            {
                return $"{modality.Name}: {problem}";
            }
        }

        return null;
    }

    private static string? Features(ModalityInput input, ModelModality modality, ModelDescription model)
    {
        if (input.Features is not { } features)
        {
            return $"{model.Bundle} has no encoder for raw media: expected features of {modality.FeatureSpace}";
        }

        // The given space's name is not repeated: it is the sender's text.
        if (features.Space != modality.FeatureSpace)
        {
            return $"expected features of {modality.FeatureSpace}, found another space";
        }

        if (features.Values.Length != modality.Dimension)
        {
            return $"expected {modality.Dimension} values of {modality.FeatureSpace}, found {features.Values.Length}";
        }

        // NaN compares false, so this refuses it too.
        return Math.Abs(TensorPrimitives.MaxMagnitude<float>(features.Values)) <= Descriptor.MaxMagnitude
            ? null
            : $"expected finite values of at most {Descriptor.MaxMagnitude} (float16)";
    }

    private static bool HasAny(ContextRow row, ModelDescription model)
    {
        for (var m = 0; m < model.Modalities.Length; m++)
        {
            var there = row.Descriptors is { } descriptors ? descriptors[m] is not null
                : model.Modalities[m].Name == Modality.Text ? row.Input!.Text is not null
                : InputOf(row.Input!, model.Modalities[m].Name) is not null;
            if (there)
            {
                return true;
            }
        }

        return false;
    }
}
