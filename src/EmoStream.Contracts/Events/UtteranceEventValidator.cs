using EmoStream.Contracts.Inference;

namespace EmoStream.Contracts.Events;

/// <summary>
/// What an event must satisfy before anything looks at it. A reason starts with a stable code and names the member;
/// it never contains a value.
/// </summary>
public static class UtteranceEventValidator
{
    /// <summary>Longest id, in UTF-16 code units.</summary>
    public const int MaxIdLength = 256;

    /// <summary>Longest text, in UTF-16 code units.</summary>
    public const int MaxTextLength = 32_768;

    /// <summary>Longest feature vector.</summary>
    public const int MaxFeatures = 65_536;

    /// <summary>Latest time in ms, about a year: beyond it a source has mistaken its clock for the conversation's.</summary>
    public const long MaxMs = 366L * 24 * 60 * 60 * 1000;

    /// <summary>Largest magnitude of a feature: descriptors are kept as float16.</summary>
    public const float MaxFeature = 65_504;

    /// <summary>Checks an event by itself.</summary>
    /// <returns>Null when it is valid, else the reason.</returns>
    public static string? Validate(UtteranceEvent e)
    {
        if (Id(e.ConversationId, "conversationId") is { } conversation) return conversation;
        if (e.ConversationId is "." or "..") return "bad-id: conversationId cannot stand in a URL";
        if (!Enum.IsDefined(e.Kind)) return "unknown-kind: kind";
        if (e.Kind == UtteranceKind.End) return e.UtteranceId.Length == 0 ? null : Id(e.UtteranceId, "utteranceId");
        if (Id(e.UtteranceId, "utteranceId") is { } utterance) return utterance;
        if (e.Kind == UtteranceKind.Retraction) return null;

        if (e.Speaker is null) return "missing-field: speaker";
        if (Id(e.Speaker.Id, "speaker.id") is { } speaker) return speaker;
        if (e.Speaker.Role is { Length: > MaxIdLength }) return "too-long: speaker.role";
        if (e.Speaker.DisplayName is { Length: > MaxIdLength }) return "too-long: speaker.displayName";
        if (e.StartMs < 0) return "bad-time: startMs is negative";
        if (e.EndMs < 0) return "bad-time: endMs is negative";
        if (e.StartMs > MaxMs || e.EndMs > MaxMs) return "bad-time: startMs or endMs is too large";
        if (e.EndMs < e.StartMs) return "bad-time: endMs is before startMs";
        if (e.Text is { Length: > MaxTextLength }) return "too-long: text";
        if (string.IsNullOrWhiteSpace(e.Text) && e.Audio is null && e.Face is null && e.Body is null) return "no-modality: text, audio, face and body are all missing";
        return Input(e.Audio, Modality.Audio, "audio/") ?? Input(e.Face, Modality.Face, "image/") ?? Input(e.Body, Modality.Body, "image/");
    }

    /// <summary>
    /// Checks the modalities that are going to be used against the model. A modality that the model does not take at all
    /// is no error: it stays unused.
    /// </summary>
    /// <param name="e">A valid event.</param>
    /// <param name="allowed">The modalities that the policy allows.</param>
    /// <param name="model">The model that will score.</param>
    public static string? ValidateForModel(UtteranceEvent e, IReadOnlySet<string> allowed, ModelDescription model)
    {
        foreach (var modality in model.Modalities)
        {
            if (!allowed.Contains(modality.Name)) continue;
            if (modality is { Name: Modality.Text, HasEncoder: false } && !string.IsNullOrWhiteSpace(e.Text)) return "no-encoder: text, the model has no text encoder";
            if (e.Input(modality.Name) is not { } input) continue;
            if (input.Features is not { } features)
            {
                if (!modality.HasEncoder) return $"no-encoder: {modality.Name} brings media, the model takes features of {modality.FeatureSpace} only";
            }
            else if (features.Space != modality.FeatureSpace)
            {
                return $"unknown-feature-space: {modality.Name}.features.space, the model takes {modality.FeatureSpace}";
            }
            else if (features.Values.Length != modality.Dimension)
            {
                return $"wrong-vector-length: {modality.Name}.features.values, expected {modality.Dimension}, got {features.Values.Length}";
            }
            else if (Array.FindIndex(features.Values, v => Math.Abs(v) > MaxFeature) is >= 0 and var bad)
            {
                return $"out-of-range: {modality.Name}.features.values[{bad}] does not fit float16";
            }
        }

        return null;
    }

    private static string? Id(string? id, string member)
    {
        if (string.IsNullOrEmpty(id)) return $"missing-field: {member}";
        if (id.Length > MaxIdLength) return $"too-long: {member}";
        foreach (var c in id)
        {
            // Braces would break the Redis hash tag; control and surrogate halves have no place in keys.
            if (c is '{' or '}' || char.IsControl(c)) return $"bad-id: {member} holds a brace or a control character";
        }

        if (System.Text.Ascii.IsValid(id)) return null;
        return id.EnumerateRunes().Any(r => r == System.Text.Rune.ReplacementChar) ? $"bad-id: {member} is not valid Unicode" : null;
    }

    private static string? Input(ModalityInput? input, string modality, string mediaTypePrefix)
    {
        if (input is null) return null;
        if (input.Media is null == input.Features is null) return $"bad-modality: {modality} needs either media or features";
        if (input.Media is { } media)
        {
            if (media.Length == 0) return $"bad-modality: {modality}.media is empty";
            return input.ContentType?.StartsWith(mediaTypePrefix, StringComparison.OrdinalIgnoreCase) is true
                ? null
                : $"bad-modality: {modality}.contentType must start with {mediaTypePrefix}";
        }

        var (space, values) = input.Features!;
        if (string.IsNullOrEmpty(space)) return $"missing-field: {modality}.features.space";
        if (space.Length > MaxIdLength || space.IndexOf('@') is < 1) return $"bad-modality: {modality}.features.space must be name@version";
        if (values is null or { Length: 0 }) return $"missing-field: {modality}.features.values";
        if (values.Length > MaxFeatures) return $"too-long: {modality}.features.values";
        var bad = Array.FindIndex(values, v => !float.IsFinite(v));
        return bad < 0 ? null : $"not-finite: {modality}.features.values[{bad}]";
    }
}
