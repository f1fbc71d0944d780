namespace EmoStream.Cli;

/// <summary>What the process ends with; scripts may rely on these.</summary>
internal static class ExitCode
{
    public const int Ok = 0;

    /// <summary>The command ran and did not succeed.</summary>
    public const int Failure = 1;

    /// <summary>The command line makes no sense.</summary>
    public const int Usage = 2;

    /// <summary>What was compared differs, where the caller asked to be told (<c>diff --exit-code</c>).</summary>
    public const int Different = 3;

    /// <summary>Ctrl+C or SIGTERM, as shells report it.</summary>
    public const int Cancelled = 130;
}
