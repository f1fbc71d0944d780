using System.Security.Cryptography;

namespace EmoStream.Inference.Bundle;

/// <summary>Checks the files of a bundle against the hashes of its manifest.</summary>
internal static class BundleFiles
{
    // Names under which terms travel with what they cover; COPYING is the GPL's.
    private static readonly string[] Terms = ["LICENSE", "NOTICE", "COPYING"];

    public static void Check(string directory, BundleManifest manifest)
    {
        foreach (var (file, hash) in manifest.Files)
        {
            CheckHash(Resolve(directory, file), file, hash);
        }

        CheckNothingElse(directory, manifest);
    }

    /// <summary>Full path of a listed file; a name that would leave the directory is refused.</summary>
    public static string Resolve(string directory, string file)
    {
        var leaves = file.Length == 0 || Path.IsPathRooted(file) || file.Contains('\\') || file.Contains(':')
            || file.Split('/').Any(part => part is "" or "." or "..");
        return leaves
            ? throw new BundleException($"{BundleManifest.FileName}: files[\"{file}\"]: expected a relative path with '/' that stays inside the bundle.")
            : Path.Combine(directory, file);
    }

    private static void CheckHash(string path, string file, string expected)
    {
        if (!File.Exists(path))
        {
            throw new BundleException($"{file}: is listed in {BundleManifest.FileName} but missing from the bundle.");
        }

        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16, FileOptions.SequentialScan);
        var actual = Convert.ToHexString(SHA256.HashData(stream));
        if (!string.Equals(actual, expected, StringComparison.OrdinalIgnoreCase))
        {
            throw new BundleException($"{file}: SHA-256 is {actual.ToLowerInvariant()}, {BundleManifest.FileName} expects {expected.ToLowerInvariant()}: the file was changed or damaged.");
        }
    }

    /// <summary>An ONNX file can pull in weights from files beside it, so whatever is not hashed must not be there.</summary>
    private static void CheckNothingElse(string directory, BundleManifest manifest)
    {
        foreach (var path in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories))
        {
            var file = Path.GetRelativePath(directory, path).Replace('\\', '/');
            if (file != BundleManifest.FileName && !manifest.Files.ContainsKey(file) && !IsNote(Path.GetFileName(path)))
            {
                throw new BundleException($"{file}: lies in the bundle but {BundleManifest.FileName} does not list it under \"files\".");
            }
        }
    }

    private static bool IsNote(string name)
        => name.EndsWith(".md", StringComparison.OrdinalIgnoreCase) || name.StartsWith('.')
        || Terms.Any(terms => name.StartsWith(terms, StringComparison.OrdinalIgnoreCase));
}
