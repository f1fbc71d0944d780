using EmoStream.Contracts;

namespace EmoStream.Cli;

/// <summary>Where Kafka is and how to reach it, by the same environment variables as silo and gateway read.</summary>
internal static class KafkaEnvironment
{
    private const string Default = "localhost:9092";

    public static string BootstrapServers => Read().GetConnectionString(Names.Kafka) is { Length: > 0 } servers ? servers : Default;

    public static TopicNames Topics => TopicNames.From(Read());

    public static void CopySettingsTo(IDictionary<string, string> settings) => KafkaSettings.CopyTo(Read(), settings);

    /// <summary>Whether Kafka allows a topic of that name.</summary>
    public static bool IsTopic(string? topic)
        => topic is { Length: > 0 and <= 249 } and not ("." or "..") && topic.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    private static IConfigurationRoot Read() => new ConfigurationBuilder().AddEnvironmentVariables().Build();
}
