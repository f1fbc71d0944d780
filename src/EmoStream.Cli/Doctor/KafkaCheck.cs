using Confluent.Kafka;
using EmoStream.Cli.Up;

namespace EmoStream.Cli.Doctor;

/// <summary>Whether Kafka answers, and has the topics.</summary>
internal static class KafkaCheck
{
    private const string Check = "kafka";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Checks the given servers; without any, whether the embedded broker starts.</summary>
    public static IEnumerable<Finding> Run(string? bootstrapServers)
    {
        EmbeddedKafka? embedded = null;
        try
        {
            if (string.IsNullOrEmpty(bootstrapServers))
            {
                embedded = EmbeddedKafka.Start();
                EmbeddedTopics.Create(embedded);
            }

            return Look(embedded?.BootstrapServers ?? bootstrapServers!, embedded is not null);
        }
        catch (Exception e) when (e is DllNotFoundException or InvalidOperationException or TypeInitializationException)
        {
            return [Finding.Bad(Check, (e.InnerException ?? e).Message, "Name a real Kafka with --kafka HOST:PORT.")];
        }
        finally
        {
            embedded?.Dispose();
        }
    }

    private static List<Finding> Look(string bootstrapServers, bool embedded)
    {
        var settings = new Dictionary<string, string>();
        if (!embedded)
        {
            KafkaEnvironment.CopySettingsTo(settings);
        }

        using var admin = new AdminClientBuilder(new AdminClientConfig(settings) { BootstrapServers = bootstrapServers })
            .SetLogHandler((_, _) => { })
            .SetErrorHandler((_, _) => { })
            .Build();
        Metadata metadata;
        try
        {
            metadata = admin.GetMetadata(Patience);
        }
        catch (KafkaException e)
        {
            return [Finding.Bad(Check, $"{bootstrapServers}: {e.Error.Reason}", "Start Kafka, or correct --kafka / ConnectionStrings__kafka; without either `up` starts an embedded broker.")];
        }

        var where = embedded ? "embedded broker starts" : $"{bootstrapServers}: {metadata.Brokers.Count} broker(s)";
        var topics = KafkaEnvironment.Topics;
        return [Finding.Good(Check, where), Topic(metadata, topics.Utterances), Topic(metadata, topics.DeadLetters)];
    }

    private static Finding Topic(Metadata metadata, string name)
    {
        var topic = metadata.Topics.Find(t => t.Topic == name);
        if (topic is null)
        {
            return Finding.Good($"topic {name}", "does not exist yet", $"The silo creates it at its first start. To choose yourself how far silos can spread: kafka-topics.sh --create --topic {name} --partitions 8");
        }

        var leaderless = topic.Partitions.Count(p => p.Leader < 0);
        return leaderless == 0
            ? Finding.Good($"topic {name}", $"{topic.Partitions.Count} partition(s)")
            : Finding.Bad($"topic {name}", $"{leaderless} of {topic.Partitions.Count} partitions have no leader", "Start the brokers that hold them.");
    }
}
