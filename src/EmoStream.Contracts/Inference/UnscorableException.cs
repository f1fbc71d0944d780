namespace EmoStream.Contracts.Inference;

/// <summary>The model cannot score a request, now or later: it does not fit, or gives no finite result. Trying again is useless.</summary>
/// <param name="message">What does not fit: rows, modalities and sizes, never what somebody said.</param>
[GenerateSerializer, Alias("EmoStream.Unscorable")]
public sealed class UnscorableException(string message) : Exception(message);
