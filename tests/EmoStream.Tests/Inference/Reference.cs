namespace EmoStream.Tests.Inference;

/// <summary>Material that lies beside a checkout, in ../shared, and is not part of the repository.</summary>
internal static class Reference
{
    /// <summary>The directory, or null where it does not exist.</summary>
    public static string? Find(params string[] parts)
    {
        for (var root = new DirectoryInfo(AppContext.BaseDirectory); root is not null; root = root.Parent)
        {
            var found = Path.Combine([root.FullName, "shared", .. parts]);
            if (Directory.Exists(found))
            {
                return found;
            }
        }

        return null;
    }
}
