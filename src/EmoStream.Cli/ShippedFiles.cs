namespace EmoStream.Cli;

/// <summary>
/// What ships beside the program: <c>infra/models/meld</c>, <c>infra/policies</c>, <c>infra/samples</c>. The build
/// copies them to the output (see the project file), so <c>dotnet run</c> and published layouts find them alike.
/// </summary>
internal static class ShippedFiles
{
    public const string BundleVariable = "EmoStream__Bundle";
    public const string PolicyVariable = "EmoStream__Policy";

    /// <summary>The bundle directory: the option, else the environment, else the shipped one.</summary>
    public static string Bundle(string? option) => Find(option, BundleVariable, "models", "meld");

    /// <summary>The policy file: the option, else the environment, else the shipped text-only policy.</summary>
    public static string Policy(string? option) => Find(option, PolicyVariable, "policies", "text-only.json");

    /// <summary>The meeting that <c>up</c> replays.</summary>
    public static string Meeting(string? option) => Find(option, variable: null, "samples", "meeting.jsonl");

    private static string Find(string? option, string? variable, params ReadOnlySpan<string> shipped)
    {
        if (!string.IsNullOrEmpty(option))
        {
            return Path.GetFullPath(option);
        }

        if (variable is not null && Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value)
        {
            return Path.GetFullPath(value);
        }

        return Path.Combine([AppContext.BaseDirectory, "infra", .. shipped]);
    }
}
