using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using EmoStream.Cli.Up;
using EmoStream.Streaming.Kafka;
using EmoStream.Streaming.Kafka.DeadLetters;

namespace EmoStream.Tests.Cli.DeadLetters;

/// <summary>Records whose producers use the names of our headers, and what else may lie in the dead-letter topic.</summary>
public sealed class ForeignHeadersTests : IDisposable
{
    private readonly EmbeddedKafka _kafka = EmbeddedKafka.Start();

    public ForeignHeadersTests()
    {
        _kafka.CreateTopic("t", 1);
        _kafka.CreateTopic("t.dlq", 1);
    }

    public void Dispose() => _kafka.Dispose();

    [Fact]
    public async Task Letter_RecordWithHeadersOfOurNames_NoneSpeaksForUsAndTheRecordGoesBackAsItWas()
    {
        (string Name, string Value)[] own =
        [
            (DeadLetterHeaders.Settled, "0"), (DeadLetterHeaders.Truncated, "true"), (DeadLetterHeaders.Stream, "n/s"), (DeadLetterHeaders.Parked, "id/0@1"),
            (DeadLetterHeaders.Attempts, "9"), (DeadLetterHeaders.Position, "id/0@1"), (DeadLetterHeaders.Own + "x", "1"), ("else", "2"),
        ];
        var plain = Record(0);
        // Without value, as a note would be.
        var bad = Record(1, own);
        bad.Message.Value = null;
        await ProduceAsync(DeadLetterWriter.Copy(plain, "first"));
        await ProduceAsync(DeadLetterWriter.Copy(bad, "second"));

        var letters = JsonDocument.Parse((await RunAsync("list", "--json")).Output).RootElement;
        Assert.Equal(["first", "second"], letters.EnumerateArray().Select(l => l.GetProperty("reason").GetString()!));
        Assert.All(letters.EnumerateArray(), l => Assert.False(l.GetProperty("parked").GetBoolean() || l.GetProperty("truncated").GetBoolean() || l.TryGetProperty("attempts", out _)));

        var (exitCode, output, error) = await RunAsync("redrive", "--all", "--json");
        Assert.True(exitCode == 0, output + error);
        var sent = Read("t");
        Assert.Equal(own, sent[1].Message.Headers.Select(h => (h.Key, Encoding.UTF8.GetString(h.GetValueBytes()))));
        Assert.Equal("[]", (await RunAsync("list", "--json")).Output.Trim());
    }

    [Fact]
    public async Task List_RecordsThatOnlyLookLikeNotes_ListedAsLetters()
    {
        await ProduceAsync(DeadLetterWriter.Copy(Record(0), "first"));
        await ProduceAsync(Note("0", value: "not ours"u8.ToArray()));
        await ProduceAsync(Note("zero", value: null));
        await ProduceAsync(Note("-1", value: null));
        var reasoned = Note("0", value: null);
        reasoned.Headers.Add(DeadLetterHeaders.Reason, "no note"u8.ToArray());
        await ProduceAsync(reasoned);

        var (exitCode, output, error) = await RunAsync("list", "--json");
        Assert.True(exitCode == 0, output + error);
        Assert.Equal(5, JsonDocument.Parse(output).RootElement.GetArrayLength());
        await ProduceAsync(Note("0", value: null));
        Assert.Equal(4, JsonDocument.Parse((await RunAsync("list", "--json")).Output).RootElement.GetArrayLength());
    }

    [Theory]
    [InlineData(TimestampType.LogAppendTime)]
    [InlineData(TimestampType.NotAvailable)]
    public async Task Letter_TimeThatNoProducerSet_Written(TimestampType type)
    {
        var record = Record(0);
        record.Message.Timestamp = new Timestamp(1700000000000, type);

        await ProduceAsync(DeadLetterWriter.Copy(record, "r"));

        Assert.Equal("1700000000000", DeadLetterHeaders.Text(Assert.Single(Read("t.dlq")).Message.Headers, DeadLetterHeaders.Timestamp));
    }

    private static Message<byte[]?, byte[]?> Note(string settled, byte[]? value) =>
        new() { Value = value, Headers = [new Header(DeadLetterHeaders.Settled, Encoding.UTF8.GetBytes(settled))] };

    private static ConsumeResult<byte[]?, byte[]?> Record(long offset, params (string Name, string Value)[] headers)
    {
        var message = new Message<byte[]?, byte[]?> { Key = "k"u8.ToArray(), Value = "v"u8.ToArray(), Headers = [], Timestamp = new Timestamp(1700000000000, TimestampType.CreateTime) };
        foreach (var (name, value) in headers)
        {
            message.Headers.Add(name, Encoding.UTF8.GetBytes(value));
        }

        return new() { Topic = "t", Partition = 0, Offset = offset, Message = message };
    }

    private Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] args) =>
        CliRun.RunAsync(["dlq", .. args, "--kafka", _kafka.BootstrapServers, "--topic", "t.dlq"]);

    private async Task ProduceAsync(Message<byte[]?, byte[]?> message)
    {
        using var producer = new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig { BootstrapServers = _kafka.BootstrapServers }).Build();
        await producer.ProduceAsync(new TopicPartition("t.dlq", 0), message, TestContext.Current.CancellationToken);
    }

    private List<ConsumeResult<byte[]?, byte[]?>> Read(string topic)
    {
        List<ConsumeResult<byte[]?, byte[]?>> records = [];
        PartitionScan.Read(
            new KafkaStreamOptions { BootstrapServers = _kafka.BootstrapServers, GroupId = "test" },
            new(topic, 0),
            0,
            record =>
            {
                records.Add(record);
                return true;
            },
            TestContext.Current.CancellationToken);
        return records;
    }
}
