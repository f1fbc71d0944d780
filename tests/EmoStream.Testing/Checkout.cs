namespace EmoStream.Testing;

/// <summary>Where the checkout lies that the running test assembly was built from.</summary>
public static class Checkout
{
    /// <summary>The directory that holds EmoStream.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A path inside the checkout.</summary>
    public static string At(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>A path beside the checkout (<c>../shared/...</c>) or null where nothing lies there.</summary>
    public static string? Shared(params string[] parts)
    {
        for (var directory = Directory.GetParent(Root); directory is not null; directory = directory.Parent)
        {
            var path = Path.Combine([directory.FullName, "shared", .. parts]);
            if (File.Exists(path) || Directory.Exists(path))
            {
                return path;
            }
        }

        return null;
    }

    /// <summary>The build output of a program of <c>src/</c>, of the same configuration as the running tests.</summary>
    public static string Output(string project)
    {
        // .../tests/X/bin/<configuration>/<framework>/
        var framework = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        return At("src", project, "bin", framework.Parent!.Name, framework.Name);
    }

    private static string FindRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "EmoStream.sln")))
            {
                return directory.FullName;
            }
        }

        throw new DirectoryNotFoundException("No EmoStream.sln above the test assembly.");
    }
}
