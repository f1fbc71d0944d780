namespace EmoStream.Inference.Bundle;

/// <summary>A bundle directory that was read and whose file hashes were checked.</summary>
public sealed class ModelBundle
{
    /// <summary>Reads manifest.json, checks every hash and shape.</summary>
    /// <exception cref="BundleException">Says which file or manifest member is wrong, and how.</exception>
    public static ModelBundle Load(string directory) => throw new NotImplementedException();
}

/// <summary>A bundle that cannot be used.</summary>
public sealed class BundleException(string message) : Exception(message);
