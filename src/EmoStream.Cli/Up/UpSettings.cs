namespace EmoStream.Cli.Up;

/// <summary>The options of <c>emostream up</c>, defaults worked out.</summary>
internal sealed record UpSettings
{
    /// <summary>Kafka to use; null starts the embedded broker.</summary>
    public string? Kafka { get; init; }

    /// <summary>Redis to use; null starts the embedded server.</summary>
    public string? Redis { get; init; }

    public required string Bundle { get; init; }

    public required string Policy { get; init; }

    public required int Port { get; init; }

    /// <summary>The meeting to replay; null replays none.</summary>
    public string? Meeting { get; init; }

    /// <summary>Null replays as fast as it goes.</summary>
    public double? Speed { get; init; }

    public bool ExitWhenDone { get; init; }

    /// <summary>How long <see cref="ExitWhenDone"/> waits.</summary>
    public TimeSpan Timeout { get; init; }
}

/// <summary>Something that keeps <c>up</c> from running, and what to do about it.</summary>
internal sealed class UpException(string message, string remedy) : Exception(message)
{
    public string Remedy { get; } = remedy;
}
