namespace EmoStream.Inference.Bundle;

/// <summary>A bundle that cannot be used; the message names the file or manifest member and what is expected there.</summary>
public sealed class BundleException(string message, Exception? inner = null) : Exception(message, inner);
