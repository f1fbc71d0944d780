using System.Text;
using Confluent.Kafka;
using EmoStream.Client.Produce;
using EmoStream.Contracts.Events;
using EmoStream.Streaming.Kafka;
using EmoStream.Testing;
using EmoStream.Testing.Kafka;
using Microsoft.Extensions.Options;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>A key lies in the partition that the Java client would have chosen, whoever produced it: measured against that client.</summary>
public sealed class PartitionerTests(KafkaFixture kafka)
{
    private const int Partitions = 7;
    private const int Keys = 400;
    private const string Letters = "abcdefgh0123456789-_äßéñøЖщ日本語한글ع😀";

    [Fact]
    public async Task Partition_KeysInManyScripts_SameAsTheJavaClients()
    {
        Assert.SkipUnless(KafkaTools.Unavailable is null, KafkaTools.Unavailable ?? "");
        var servers = (await kafka.BrokerAsync()).BootstrapServers;
        var keys = RandomKeys(new Random(5));
        var topic = await kafka.CreateTopicAsync(Partitions);
        await KafkaTools.RunAsync(
            "produce",
            ["--bootstrap-server", servers, "--topic", topic, "--property", "parse.key=true", "--property", "key.separator=|"],
            string.Concat(keys.Select(key => $"{key}|x\n")));
        var java = await ReadAsync(servers, topic);
        Assert.Equal(keys.Order(StringComparer.Ordinal), java.Keys.Order(StringComparer.Ordinal));

        // 1 what the provider maps streams by
        Assert.All(keys, key => Assert.Equal(java[key], Murmur2.Partition(Encoding.UTF8.GetBytes(key), Partitions)));
        // 2 what it produces with
        var options = new KafkaStreamOptions { BootstrapServers = servers, Topic = await kafka.CreateTopicAsync(Partitions) };
        using (var producer = new ProducerBuilder<string, string>(KafkaStreamContext.ProducerConfig(options)).Build())
        {
            var reports = await Task.WhenAll(keys.Select(key => producer.ProduceAsync(options.Topic, new() { Key = key, Value = "x" }, TestContext.Current.CancellationToken)));
            Assert.All(reports, report => Assert.Equal(java[report.Key], report.Partition.Value));
        }
        // 3 what clients produce utterances with
        await using var utterances = new UtteranceProducer(Options.Create(new UtteranceProducerOptions { BootstrapServers = servers, Topic = options.Topic }));
        var positions = await Task.WhenAll(keys.Select(async key => (key, await utterances.ProduceAsync(
            new UtteranceEvent { ConversationId = key, UtteranceId = "u", Speaker = new("s"), Text = "t" }, TestContext.Current.CancellationToken))));
        Assert.All(positions, sent => Assert.Equal(java[sent.key], sent.Item2.Partition));
    }

    private static List<string> RandomKeys(Random random)
    {
        var letters = Letters.EnumerateRunes().Select(rune => rune.ToString()).ToArray();
        var keys = new HashSet<string>();
        for (var i = 0; keys.Count < Keys; i++)
        {
            keys.Add(string.Concat(random.GetItems(letters, (i % 24) + 1)));
        }
        return [.. keys];
    }

    private static async Task<Dictionary<string, int>> ReadAsync(string servers, string topic)
    {
        using var consumer = new ConsumerBuilder<string, string>(new ConsumerConfig { BootstrapServers = servers, GroupId = topic }).Build();
        consumer.Assign(Enumerable.Range(0, Partitions).Select(partition => new TopicPartitionOffset(topic, partition, Offset.Beginning)));
        var partitions = new Dictionary<string, int>();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Eventually.Timeout);
        await Task.Run(
            () =>
            {
                while (partitions.Count < Keys)
                {
                    var record = consumer.Consume(limit.Token);
                    partitions.Add(record.Message.Key, record.Partition.Value);
                }
            },
            limit.Token);
        return partitions;
    }
}
