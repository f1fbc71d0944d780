using EmoStream.Cli;

namespace EmoStream.Tests.Cli;

/// <summary>Runs the command line inside the test process.</summary>
internal static class CliRun
{
    /// <summary>A small, valid bundle that is part of these tests.</summary>
    public static string TinyBundle => Path.Combine(AppContext.BaseDirectory, "Inference", "Assets", "tiny-bundle");

    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var exitCode = await CommandTree.RunAsync(args, output, error);
        return (exitCode, output.ToString(), error.ToString());
    }
}

/// <summary>A directory that lives as long as a test.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("emostream-").FullName;

    public string Write(string name, params string[] lines)
    {
        var path = Path.Combine(Root, name);
        File.WriteAllText(path, string.Concat(lines.Select(line => line + "\n")));
        return path;
    }

    public string PathOf(string name) => Path.Combine(Root, name);

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
