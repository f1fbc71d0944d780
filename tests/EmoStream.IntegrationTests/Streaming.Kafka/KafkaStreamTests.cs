using System.Text;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka;
using EmoStream.Testing;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>What the provider promises, on any broker that speaks Kafka's protocol; every broker we claim to work with inherits this.</summary>
public abstract partial class KafkaStreamTests
{
    protected abstract Task<string> ServersAsync();

    protected abstract Task<string> TopicAsync(int partitions);

    protected virtual bool AnswersAdminRequests => true;

    protected Task<ProbeHost> HostAsync(
        string servers, string topic, Probe? probe = null, Action<KafkaStreamOptions>? configure = null, CounterProbe? counter = null, ProbeHost? join = null) =>
        ProbeHost.StartAsync(
            servers,
            topic,
            probe,
            options =>
            {
                options.UseAdminRequests = AnswersAdminRequests;
                configure?.Invoke(options);
            },
            counter,
            join);

    internal static IProducer<byte[]?, byte[]?> Producer(string servers) => new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig
    {
        BootstrapServers = servers,
        EnableIdempotence = true,
        Partitioner = Partitioner.Murmur2Random,
        LingerMs = 1,
        MessageMaxBytes = 10_000_000,
    }).SetLogHandler((_, _) => { }).Build();

    /// <summary>To partition 0 unless the key may choose: not every broker makes topics with as many partitions as asked for.</summary>
    protected static void Send(IProducer<byte[]?, byte[]?> producer, string topic, string key, string value, bool anyPartition = false) =>
        producer.Produce(new TopicPartition(topic, anyPartition ? Partition.Any : 0), new Message<byte[]?, byte[]?>
        {
            Key = Encoding.UTF8.GetBytes(key),
            Value = Encoding.UTF8.GetBytes(value),
            Headers = [new Header("original", "kept"u8.ToArray())],
        });

    protected static string Header(ConsumeResult<byte[]?, byte[]?> record, string name) =>
        Encoding.UTF8.GetString(record.Message.Headers.GetLastBytes(name));

    protected static async Task<List<ConsumeResult<byte[]?, byte[]?>>> ReadAsync(string servers, string topic, int count)
    {
        using var consumer = Consumer(servers, "reader");
        List<ConsumeResult<byte[]?, byte[]?>> records = [];
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        var partitions = admin.GetMetadata(topic, Eventually.Timeout).Topics[0].Partitions;
        consumer.Assign(partitions.Select(p => new TopicPartitionOffset(topic, p.PartitionId, Offset.Beginning)));
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Eventually.Timeout);
        await Task.Run(
            () =>
            {
                while (records.Count < count)
                {
                    records.Add(consumer.Consume(deadline.Token));
                }
            },
            deadline.Token);
        return records;
    }

    internal static async Task CommittedAsync(string servers, string topic, int partition, long offset)
    {
        // The provider's group is the Orleans service id, which ProbeHost sets to the topic.
        using var consumer = Consumer(servers, topic);
        var committed = Offset.Unset;
        await Eventually.TrueAsync(
            () =>
            {
                committed = consumer.Committed([new TopicPartition(topic, partition)], TimeSpan.FromSeconds(10))[0].Offset;
                return committed.Value == offset;
            },
            () => $"offset {offset} committed, is {committed}");
    }

    private static IConsumer<byte[]?, byte[]?> Consumer(string servers, string group) =>
        new ConsumerBuilder<byte[]?, byte[]?>(new ConsumerConfig { BootstrapServers = servers, GroupId = group, EnableAutoCommit = false })
            .SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
}
