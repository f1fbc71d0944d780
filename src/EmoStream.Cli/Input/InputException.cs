namespace EmoStream.Cli.Input;

/// <summary>A file that cannot be used: missing, no access, no such columns, an unusable line; says which and why.</summary>
internal sealed class InputException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether the file system refused something.</summary>
    public static bool IsOfFiles(Exception e) => e is IOException or UnauthorizedAccessException;

    /// <summary>Why it did, without the system's words for the path.</summary>
    public static string Reason(string path, Exception e) =>
        e is FileNotFoundException or DirectoryNotFoundException ? "no such file or directory"
        : Directory.Exists(path) ? "is a directory"
        : e is UnauthorizedAccessException ? "access denied"
        : e.Message.Split(" : '")[0];

    /// <summary>Reads something of a file.</summary>
    /// <exception cref="InputException">The file system refuses; names the path.</exception>
    public static T Guard<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (IsOfFiles(e))
        {
            throw new InputException($"{path}: {Reason(path, e)}", e);
        }
    }
}
