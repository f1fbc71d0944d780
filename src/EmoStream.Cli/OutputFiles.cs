using EmoStream.Cli.Input;

namespace EmoStream.Cli;

/// <summary>Files that commands write: whole or not at all, and never the input.</summary>
internal static class OutputFiles
{
    /// <summary>
    /// Writes a file under a temporary name beside it, which it keeps until it is whole. What cannot be replaced is
    /// written itself: a device, a pipe, an open file such as /dev/stdout, after what it holds.
    /// </summary>
    /// <exception cref="InputException">The file cannot be written.</exception>
    public static void Write(string path, Action<Stream> write) => Guard(path, () =>
    {
        // A link stays one: the file behind it is replaced.
        var target = Behind(path);
        if (OpenStandardStream(Path.GetFullPath(path)) is { } standard)
        {
            using (standard)
            {
                write(standard);
            }

            return;
        }

        if (Path.Exists(path))
        {
            // A file that is protected against writing is not replaced, either.
            using var existing = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
            if (!existing.CanSeek || IsDevice(Path.GetFullPath(path)) || IsDevice(target))
            {
                if (existing.CanSeek)
                {
                    existing.Seek(0, SeekOrigin.End);
                }

                write(existing);
                return;
            }
        }

        WriteBeside(target, write);
    });

    /// <summary>Refuses an output that is the input, under whatever name.</summary>
    /// <exception cref="InputException">They are the same file.</exception>
    public static void Check(string option, string path, string input) => Guard(path, () =>
    {
        if (Behind(path) == Behind(input))
        {
            throw new InputException($"{option} {path}: is the input itself; name another file.");
        }
    });

    /// <summary>Turns what the file system refuses into a message that names the path.</summary>
    /// <exception cref="InputException">The path cannot be written.</exception>
    public static void Guard(string path, Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (InputException.IsOfFiles(e))
        {
            throw new InputException($"{path}: cannot be written: {InputException.Reason(path, e)}", e);
        }
    }

    private static void WriteBeside(string target, Action<Stream> write)
    {
        // Of its own: two commands may write the same file, and nothing that was there before is touched.
        var partial = Path.Combine(Path.GetDirectoryName(target)!, $"emostream-{Path.GetRandomFileName()}.partial");
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        UnixFileMode? mode = null;
        if (!OperatingSystem.IsWindows() && File.Exists(target))
        {
            mode = options.UnixCreateMode = File.GetUnixFileMode(target);
        }

        var stream = new FileStream(partial, options);
        try
        {
            using (stream)
            {
                if (!OperatingSystem.IsWindows() && mode is { } kept)
                {
                    // The process' umask has taken bits away.
                    File.SetUnixFileMode(stream.SafeFileHandle, kept);
                }

                write(stream);
            }

            File.Move(partial, target, overwrite: true);
        }
        catch
        {
            File.Delete(partial);
            throw;
        }
    }

    /// <summary>
    /// Standard output or error where the path or a link of it names one; else null. Opened again by its path, a file
    /// behind it would be written from its start while the process' own handle stands elsewhere.
    /// </summary>
    private static Stream? OpenStandardStream(string path) => path switch
    {
        "/dev/stdout" or "/dev/fd/1" or "/proc/self/fd/1" => Console.OpenStandardOutput(),
        "/dev/stderr" or "/dev/fd/2" or "/proc/self/fd/2" => Console.OpenStandardError(),
        _ when new FileInfo(path).LinkTarget is not null => OpenStandardStream(File.ResolveLinkTarget(path, returnFinalTarget: false)!.FullName),
        _ => null,
    };

    private static bool IsDevice(string path) => path.StartsWith("/proc/", StringComparison.Ordinal)
        || (path.StartsWith("/dev/", StringComparison.Ordinal) && !path.StartsWith("/dev/shm/", StringComparison.Ordinal));

    /// <summary>The path without links, also among its directories.</summary>
    private static string Behind(string path)
    {
        var full = Path.GetFullPath(path);
        if (Path.GetDirectoryName(full) is not { } parent)
        {
            return full;
        }

        var entry = Path.Combine(Behind(parent), Path.GetFileName(full));
        return new FileInfo(entry).LinkTarget is null ? entry : Behind(File.ResolveLinkTarget(entry, returnFinalTarget: true)!.FullName);
    }
}
