namespace EmoStream.Cli.Up;

/// <summary>What the embedded servers cannot do, said wherever they are offered.</summary>
internal static class EmbeddedLimits
{
    /// <summary>5 MB per partition, less what keys, headers and batches add.</summary>
    public const int MaxMeetingBytes = 3_000_000;

    public const string Text = """
        The embedded servers are for trying out: nothing survives the process, nothing can join it, and a Kafka
        partition keeps 5 MB or 100,000 batches, so what is produced faster than it is scored is lost.
        With --kafka and --redis the same process runs on servers that keep what they take.
        """;

    public const string Short = "embedded, for trying out: not durable, 5 MB per partition, this process only";
}
