namespace EmoStream.Cli;

/// <summary>What the process ends with; scripts may rely on these.</summary>
internal static class ExitCode
{
    public const int Ok = 0;

    /// <summary>The command ran and did not succeed.</summary>
    public const int Failure = 1;

    /// <summary>The command line makes no sense.</summary>
    public const int Usage = 2;

    /// <summary>Ctrl+C or SIGTERM, as shells report it.</summary>
    public const int Cancelled = 130;
}
