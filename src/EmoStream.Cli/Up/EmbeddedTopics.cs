namespace EmoStream.Cli.Up;

/// <summary>The topics of an embedded broker.</summary>
internal static class EmbeddedTopics
{
    // More than one, so that trying out runs the same code as a cluster; few, because one process reads them all.
    private const int Partitions = 4;

    public static void Create(EmbeddedKafka kafka)
    {
        kafka.CreateTopic(KafkaEnvironment.Topics.Utterances, Partitions);
        kafka.CreateTopic(KafkaEnvironment.Topics.DeadLetters, partitions: 1);
    }
}
