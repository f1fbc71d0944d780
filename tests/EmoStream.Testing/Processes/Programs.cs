namespace EmoStream.Testing.Processes;

/// <summary>Looks for programs that tests need but the repository does not bring.</summary>
public static class Programs
{
    /// <summary>The full path of the first of these programs that is on PATH, or null.</summary>
    public static string? Find(params string[] names)
    {
        var directories = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return names
            .SelectMany(name => directories.Select(directory => Path.Combine(directory, name)))
            .FirstOrDefault(File.Exists);
    }
}
