using EmoStream.Cli.Input;

namespace EmoStream.Cli.Evaluate;

/// <summary>Files that the command writes.</summary>
internal static class OutputFiles
{
    /// <summary>Writes a text file.</summary>
    /// <exception cref="InputException">The file cannot be written.</exception>
    public static void Write(string path, Action<TextWriter> write) => Guard(path, () =>
    {
        using var writer = File.CreateText(path);
        write(writer);
    });

    /// <summary>Turns what the file system refuses into a message that names the path.</summary>
    /// <exception cref="InputException">The path cannot be written.</exception>
    public static void Guard(string path, Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path}: cannot be written: {e.Message}", e);
        }
    }
}
