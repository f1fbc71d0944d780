namespace EmoStream.Contracts;

/// <summary>The modalities an utterance can bring, by the names that events, bundles and entries use.</summary>
public static class Modality
{
    /// <summary>What was said, as text.</summary>
    public const string Text = "text";

    /// <summary>The voice.</summary>
    public const string Audio = "audio";

    /// <summary>The face.</summary>
    public const string Face = "face";

    /// <summary>Posture and gesture.</summary>
    public const string Body = "body";

    /// <summary>All modalities, in the order that reports and availability keys use.</summary>
    public static IReadOnlyList<string> All { get; } = [Text, Audio, Face, Body];
}
