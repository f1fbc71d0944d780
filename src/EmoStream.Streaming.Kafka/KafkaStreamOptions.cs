using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace EmoStream.Streaming.Kafka;

/// <summary>
/// Settings of one Kafka stream provider. Bound from <c>Orleans:Streaming:{name}</c> when the provider is set up by
/// configuration, validated when the silo starts.
/// </summary>
public sealed class KafkaStreamOptions
{
    private const string TopicName = @"(?!\.\.?$)[a-zA-Z0-9._-]{1,249}";

    /// <summary>Addresses of the Kafka brokers, <c>host:port</c> separated by commas. Required.</summary>
    [Required]
    public string BootstrapServers { get; set; } = "";

    /// <summary>The topic whose partitions become the provider's queues. Required.</summary>
    [Required, RegularExpression(TopicName, ErrorMessage = "{0} is not a topic name: letters, digits, '.', '_' and '-', at most 249 of them.")]
    public string Topic { get; set; } = "";

    /// <summary>
    /// Where records go that cannot become an event, or whose event is given up. The default is the topic's name, the
    /// group's, and <c>.dlq</c>: <c>orders.billing.dlq</c>.
    /// </summary>
    [Required, RegularExpression(TopicName, ErrorMessage = "{0} is not a topic name: letters, digits, '.', '_' and '-', at most 249 of them.")]
    public string DeadLetterTopic { get; set; } = "";

    /// <summary>
    /// Where stands which streams are parked; one partition, compacted. The default is the topic's name, the group's, and
    /// <c>.parked</c>.
    /// </summary>
    [Required, RegularExpression(TopicName, ErrorMessage = "{0} is not a topic name: letters, digits, '.', '_' and '-', at most 249 of them.")]
    public string ParkingTopic { get; set; } = "";

    /// <summary>The consumer group that committed offsets are stored under; no member ever joins it. The default is the Orleans service id.</summary>
    [Required]
    public string GroupId { get; set; } = "";

    /// <summary>
    /// Whether missing topics are created when the provider starts; without it (or without the right to) they must be there, or
    /// the broker must make them, or the start fails. The default is true.
    /// </summary>
    public bool CreateTopics { get; set; } = true;

    /// <summary>
    /// Whether the broker answers admin requests (describe and create topics). False for librdkafka's in-process cluster,
    /// which does not: topics must come about otherwise then, and tokens name the topic by an id of this process, so that
    /// offsets mean nothing after a restart. The default is true.
    /// </summary>
    public bool UseAdminRequests { get; set; } = true;

    /// <summary>How many partitions a created topic gets; an existing topic keeps its own. The default is 8.</summary>
    [Range(1, 10_000)]
    public int Partitions { get; set; } = 8;

    /// <summary>Replication factor of created topics; -1 leaves it to the broker. The default is -1.</summary>
    [Range(-1, 100), DeniedValues((short)0)]
    public short ReplicationFactor { get; set; } = -1;

    /// <summary>
    /// How many undelivered records one partition may hold in memory before reading stops. What waits of a stream is delivered
    /// together: of a backlog of many streams, more records in memory make larger deliveries, and fewer. The default is 20,000.
    /// </summary>
    [Range(1, 10_000_000)]
    public int CacheRecords { get; set; } = 20_000;

    /// <summary>
    /// How many bytes (keys, values and headers as they came from Kafka) one partition's undelivered records may hold before reading
    /// stops; a single larger record still passes, alone. The default is 16 MiB.
    /// </summary>
    [Range(1024, long.MaxValue)]
    public long CacheBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>How many records the pulling agent takes over at once. The default is 1,000.</summary>
    [Range(1, 100_000)]
    public int FetchBatch { get; set; } = 1_000;

    /// <summary>How many waiting events of one stream are delivered together at most. The default is 1,000.</summary>
    [Range(1, 100_000)]
    public int DeliveryBatch { get; set; } = 1_000;

    /// <summary>How often the offset of what the grains have taken is committed. The default is one second.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:10:00")]
    public TimeSpan CommitInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a read waits for the first record; it returns at once when there is one. The default is one second.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:01:00")]
    public TimeSpan LongPoll { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest pause between two attempts to deliver to a failing grain, or to write a dead letter. The default is two seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "01:00:00")]
    public TimeSpan MaxRetryDelay { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The pauses between attempts to deliver an event that its grain refuses, in order. After the last one the event is
    /// dead-lettered and its stream parked; empty: it is delivered again and again, <see cref="MaxRetryDelay"/> apart.
    /// Failures of what many streams share (time-outs, silos that went, what <see cref="IsTransient"/> names) do not count.
    /// At most an hour each. A list in configuration replaces this one. The default is 0.2 s three times, 2 s three times, 15 s twice.
    /// </summary>
    public IList<TimeSpan> RetryDelays { get; } =
    [
        TimeSpan.FromSeconds(0.2), TimeSpan.FromSeconds(0.2), TimeSpan.FromSeconds(0.2), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(2),
        TimeSpan.FromSeconds(15), TimeSpan.FromSeconds(15),
    ];

    /// <summary>
    /// Further failures that say nothing about the event, such as a data store that does not answer. Asked on the grain's silo, with the
    /// exception as its grain threw it. The default is none.
    /// </summary>
    [Required]
    public Func<Exception, bool> IsTransient { get; set; } = _ => false;

    /// <summary>
    /// How long a new owner of a partition waits for the former one, when it still lives, to finish and let go; then it takes
    /// the partition by force. A former owner that lost it so has no such limit: it waits. The default is ten seconds.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan HandoverTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How far before its position, by the records' time, a partition is read again after <see cref="KafkaPositionStore"/> lost
    /// acknowledged writes: covers losses that leave no prefix of what was written. The default is five seconds.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00")]
    public TimeSpan RewindMargin { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How often a reader asks for the topic's id: a topic that was deleted and created again is read from its beginning,
    /// even when it has grown past the offset where its former life was left. The default is ten seconds.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "1.00:00:00")]
    public TimeSpan TopicCheckInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the silo's start waits for Kafka before it fails. The default is one minute.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan StartTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Further librdkafka settings for every client of the provider, such as <c>security.protocol</c>, <c>sasl.mechanism</c>,
    /// <c>sasl.username</c>, <c>sasl.password</c> and <c>ssl.ca.location</c>. What the provider's guarantees rest on
    /// (offsets, acknowledgements, idempotence, partitioner) cannot be overridden here. The default is empty.
    /// </summary>
    public Dictionary<string, string> ClientSettings { get; } = [];
}

/// <summary>Checks <see cref="KafkaStreamOptions"/> by their annotations; generated at compile time.</summary>
[OptionsValidator]
internal sealed partial class KafkaStreamOptionsValidator : IValidateOptions<KafkaStreamOptions>;
