using System.ComponentModel.DataAnnotations;
using EmoStream.Contracts;

namespace EmoStream.Client.Produce;

/// <summary>How <see cref="UtteranceProducer"/> talks to Kafka.</summary>
public sealed class UtteranceProducerOptions
{
    /// <summary>Kafka's bootstrap servers, such as <c>localhost:9092</c>.</summary>
    [Required(AllowEmptyStrings = false)]
    public string BootstrapServers { get; set; } = "";

    /// <summary>The topic to produce to. The default is <c>emostream.utterances</c>.</summary>
    [Required(AllowEmptyStrings = false)]
    public string Topic { get; set; } = Names.UtterancesTopic;

    /// <summary>Who produces: the CloudEvents attribute <c>source</c>, a URI reference. The default is <c>urn:emostream:client</c>.</summary>
    [Required(AllowEmptyStrings = false)]
    public string Source { get; set; } = "urn:emostream:client";

    /// <summary>
    /// How many events may wait here before <see cref="UtteranceProducer.ProduceAsync"/> makes its caller wait. The default is 10,000.
    /// </summary>
    [Range(1, 1_000_000)]
    public int QueueCapacity { get; set; } = 10_000;

    /// <summary>How much librdkafka may hold in memory, in KiB; full means waiting, too. The default is 65,536 (64 MiB).</summary>
    [Range(1_024, 2_097_151)]
    public int BufferKilobytes { get; set; } = 65_536;

    /// <summary>Largest record in bytes; must not exceed the topic's <c>max.message.bytes</c>. The default is 1,000,000.</summary>
    [Range(1_000, 1_000_000_000)]
    public int MaxRecordBytes { get; set; } = 1_000_000;

    /// <summary>How long an event may take until Kafka has acknowledged it; then it fails. The default is 2 minutes.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "01:00:00")]
    public TimeSpan DeliveryTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>How long to gather a batch. The default is 5 ms.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00")]
    public TimeSpan Linger { get; set; } = TimeSpan.FromMilliseconds(5);

    /// <summary>
    /// Further librdkafka settings by their own names, such as <c>security.protocol</c>; they do not replace
    /// what idempotence and the partitioner need.
    /// </summary>
    public IDictionary<string, string> Kafka { get; } = new Dictionary<string, string>(StringComparer.Ordinal);
}
