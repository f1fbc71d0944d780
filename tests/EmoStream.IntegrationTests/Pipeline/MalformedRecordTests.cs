using System.Text;
using Confluent.Kafka;
using EmoStream.Testing.Cluster;
using EmoStream.Testing.Kafka;

namespace EmoStream.IntegrationTests.Pipeline;

/// <summary>Bad input never stops a partition: it ends in the dead-letter topic, bytes and reason kept, and the good is scored.</summary>
public sealed class MalformedRecordTests(KafkaFixture kafka)
{
    private const string Good = """{"conversationId":"c","utteranceId":"u","speaker":{"id":"s"},"text":"t"}""";

    // Start of the reason, key, value.
    private static readonly (string Reason, string? Key, byte[] Value)[] Malformed =
    [
        ("not-json", "c", Utf8("hello")),
        ("not-json", "c", [0x7B, 0x22, 0xFF, 0xFE, 0x22, 0x7D]),
        ("wrong-type", "c", Utf8(Good.Replace("\"t\"", "17", StringComparison.Ordinal))),
        ("not-an-event", "c", Utf8("null")),
        ("missing-field", "c", Utf8(Good.Replace("\"utteranceId\":\"u\",", "", StringComparison.Ordinal))),
        ("the record has no key", null, Utf8(Good)),
        ("key-mismatch", "d", Utf8(Good)),
        ("wrong-type", "c", Utf8(Good.Replace("\"text\"", "\"kind\":\"shout\",\"text\"", StringComparison.Ordinal))),
        ("bad-time", "c", Utf8(Good.Replace("\"text\"", "\"startMs\":9,\"endMs\":3,\"text\"", StringComparison.Ordinal))),
        ("wrong-type", "c", Utf8(Good.Replace("\"text\":\"t\"", "\"audio\":{\"features\":{\"space\":\"a@1\",\"values\":[NaN]}}", StringComparison.Ordinal))),
        ("no-modality", "c", Utf8(Good.Replace("\"text\":\"t\"", "\"text\":\" \"", StringComparison.Ordinal))),
        ("bad-id", "c{", Utf8(Good.Replace("\"c\"", "\"c{\"", StringComparison.Ordinal))),
    ];

    [Fact]
    public async Task Replay_MalformedAmongGood_AllDeadLetteredAndAllGoodScored()
    {
        Assert.SkipUnless(PipelineRun.Unavailable is null, PipelineRun.Unavailable ?? "");
        var broker = await kafka.BrokerAsync();
        await using var run = await PipelineRun.StartAsync(broker);
        await run.Cluster.StartSiloAsync();
        var good = Meetings.Copies(3, seed: 3).Chunk(8).ToList();
        Assert.True(good.Count >= Malformed.Length, "every malformed record stands between good ones");

        using (var producer = new ProducerBuilder<byte[]?, byte[]>(new ProducerConfig { BootstrapServers = broker.BootstrapServers }).Build())
        {
            for (var i = 0; i < good.Count; i++)
            {
                await run.SendAsync(good[i]);
                if (i < Malformed.Length)
                {
                    var (_, key, value) = Malformed[i];
                    var message = new Message<byte[]?, byte[]>
                    {
                        Key = key is null ? null : Utf8(key),
                        Value = value,
                        Headers = [new Header("number", Utf8($"{i}"))],
                    };
                    await producer.ProduceAsync(run.Cluster.UtterancesTopic, message, TestContext.Current.CancellationToken);
                }
            }
        }

        await run.AppliedAsync();

        run.Ledger.Compare(await run.TimelinesAsync()).AssertClean();
        var letters = ReadDeadLetters(broker.BootstrapServers, run.Cluster.DeadLetterTopic);
        Assert.All(letters, (letter, i) =>
        {
            var (reason, key, value) = Malformed[i];
            Assert.StartsWith(reason, Header(letter, "emostream-dlq-reason"), StringComparison.Ordinal);
            Assert.Equal(run.Cluster.UtterancesTopic, Header(letter, "emostream-dlq-topic"));
            Assert.Equal(key, letter.Message.Key is null ? null : Encoding.UTF8.GetString(letter.Message.Key));
            Assert.Equal(value, letter.Message.Value);
        });
    }

    /// <summary>One dead letter per malformed record, by the number that its original carried.</summary>
    private static ConsumeResult<byte[]?, byte[]>[] ReadDeadLetters(string address, string topic)
    {
        using var consumer = new ConsumerBuilder<byte[]?, byte[]>(new ConsumerConfig { BootstrapServers = address, GroupId = "reader" }).Build();
        consumer.Assign(new TopicPartitionOffset(topic, 0, Offset.Beginning));
        var count = consumer.QueryWatermarkOffsets(new TopicPartition(topic, 0), TimeSpan.FromSeconds(10)).High.Value;
        Assert.Equal(Malformed.Length, count);
        return
        [
            .. Enumerable.Range(0, Malformed.Length)
                .Select(_ => consumer.Consume(TestContext.Current.CancellationToken))
                .OrderBy(letter => int.Parse(Header(letter, "number"), System.Globalization.CultureInfo.InvariantCulture)),
        ];
    }

    private static string Header<TKey, TValue>(ConsumeResult<TKey, TValue> record, string name) =>
        Encoding.UTF8.GetString(record.Message.Headers.GetLastBytes(name));

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);
}
