namespace EmoStream.Contracts;

/// <summary>Names that more than one process must agree on.</summary>
public static class Names
{
    /// <summary>Kafka topic of <see cref="Events.UtteranceEvent"/> records; the key is the conversation id in UTF-8.</summary>
    public const string UtterancesTopic = "emostream.utterances";

    /// <summary>Kafka topic of records that could not be accepted: original bytes and headers plus the reason.</summary>
    public const string DeadLetterTopic = "emostream.utterances.dlq";

    /// <summary>Name of the Orleans stream provider, and of its configuration section <c>Orleans:Streaming:Kafka</c>.</summary>
    public const string StreamProvider = "Kafka";

    /// <summary>Orleans stream namespace of utterances; the stream key is the conversation id.</summary>
    public const string UtteranceStream = "utterances";

    /// <summary>Key of the Redis connection, in <c>ConnectionStrings:redis</c> and as the keyed service.</summary>
    public const string Redis = "redis";

    /// <summary>Key of the Kafka bootstrap servers in <c>ConnectionStrings:kafka</c>.</summary>
    public const string Kafka = "kafka";
}
