using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using EmoStream.Cli.Up;
using EmoStream.Streaming.Kafka;
using EmoStream.Streaming.Kafka.DeadLetters;

namespace EmoStream.Tests.Cli.DeadLetters;

/// <summary>The command against letters that the test writes, on the embedded broker.</summary>
public sealed partial class DlqCommandTests : IDisposable
{
    private readonly EmbeddedKafka _kafka = EmbeddedKafka.Start();

    public DlqCommandTests()
    {
        _kafka.CreateTopic("t", 2);
        _kafka.CreateTopic("t.dlq", 1);
        _kafka.CreateTopic("t.parked", 1);
    }

    public void Dispose() => _kafka.Dispose();

    [Fact]
    public async Task List_LettersOfBothKinds_TableWithoutKeysAndJson()
    {
        await WriteAsync(("reason", "key-mismatch: no"), ("partition", "1"), ("offset", "7"));
        await WriteAsync(("reason", "given up after 4 attempts: System.Exception"), ("attempts", "4"), ("stream", "n/secret"), ("parked", "id/0@3"), ("position", "id/0@3"));

        var table = await RunAsync("list");
        Assert.Equal(0, table.ExitCode);
        Assert.Contains("t/1@7", table.Output, StringComparison.Ordinal);
        Assert.Contains("key-mismatch: no", table.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", table.Output, StringComparison.Ordinal);
        Assert.Contains("secret", (await RunAsync("list", "--keys")).Output, StringComparison.Ordinal);

        var json = JsonDocument.Parse((await RunAsync("list", "--json")).Output).RootElement;
        Assert.Equal(["0:0", "0:1"], json.EnumerateArray().Select(l => l.GetProperty("letter").GetString()!));
        Assert.Equal(4, json[1].GetProperty("attempts").GetInt32());
        Assert.True(json[1].GetProperty("parked").GetBoolean());
        Assert.False(json[0].GetProperty("parked").GetBoolean());
    }

    [Fact]
    public async Task Show_OneLetter_HeadersAndValueAndTheBytesInAFile()
    {
        await WriteAsync(("reason", "because"));
        using var directory = new TemporaryDirectory();
        var file = directory.PathOf("value.bin");

        var shown = await RunAsync("show", "0:0");
        Assert.Contains("emostream-dlq-reason: because", shown.Output, StringComparison.Ordinal);
        Assert.Contains("own: kept", shown.Output, StringComparison.Ordinal);
        Assert.Contains("payload", shown.Output, StringComparison.Ordinal);
        var saved = await RunAsync("show", "0:0", "--out", file);
        Assert.Equal("payload"u8.ToArray(), await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken));
        Assert.DoesNotContain("payload", saved.Output, StringComparison.Ordinal);
        var json = JsonDocument.Parse((await RunAsync("show", "0:0", "--json")).Output).RootElement;
        Assert.Equal("payload"u8.ToArray(), json.GetProperty("value").GetBytesFromBase64());
        Assert.Equal("own", json.GetProperty("headers")[0].GetProperty("name").GetString());
        Assert.Equal(1, (await RunAsync("show", "0:5")).ExitCode);
    }

    [Fact]
    public async Task Redrive_ByReason_ThatOneOnceToWhereItWasAndTheOthersStay()
    {
        await WriteAsync(("reason", "key-mismatch: no"), ("partition", "1"), ("offset", "7"), ("timestamp", "1700000000000"));
        await WriteAsync(("reason", "other"));

        var first = await RunAsync("redrive", "--reason", "KEY-MISMATCH", "--json");
        Assert.Equal(0, first.ExitCode);
        Assert.Equal("""{"sent":1,"skipped":0,"done":0,"conversations":0,"problems":[]}""", first.Output.Trim());
        var again = await RunAsync("redrive", "--reason", "key-mismatch", "--json");
        Assert.Contains("\"sent\":0", again.Output, StringComparison.Ordinal);

        var record = Assert.Single(Read(new TopicPartition("t", 1)));
        Assert.Equal("payload"u8.ToArray(), record.Message.Value);
        Assert.Equal("secret"u8.ToArray(), record.Message.Key);
        Assert.Equal(["own"], record.Message.Headers.Select(h => h.Key));
        Assert.Equal(1700000000000, record.Message.Timestamp.UnixTimestampMs);
        Assert.Equal(1, JsonDocument.Parse((await RunAsync("list", "--json")).Output).RootElement.GetArrayLength());
    }

    [Theory]
    [InlineData(-100_000_000_000_000)]
    [InlineData(1_795_912_677_778_000)]
    public async Task Letter_TimeThatNoCalendarHas_ListedWithoutItAndSentAgainWithTheSame(long milliseconds)
    {
        await WriteAsync(("reason", "r"), ("offset", "1"), ("timestamp", $"{milliseconds}"));

        Assert.Contains($"{milliseconds} ms", (await RunAsync("list")).Output, StringComparison.Ordinal);
        var listed = JsonDocument.Parse((await RunAsync("list", "--json")).Output).RootElement[0];
        Assert.Equal("r", listed.GetProperty("reason").GetString());
        Assert.False(listed.TryGetProperty("time", out _));
        Assert.Equal(0, (await RunAsync("show", "0:0", "--json")).ExitCode);
        var (exitCode, output, error) = await RunAsync("redrive", "--all");
        Assert.True(exitCode == 0, output + error);
        Assert.Equal(milliseconds, Assert.Single(Read(new TopicPartition("t", 0))).Message.Timestamp.UnixTimestampMs);
    }

    [Fact]
    public async Task Redrive_TruncatedLetter_RefusedAndKept()
    {
        await WriteAsync(("reason", "big"), ("truncated", "true"));
        var (exitCode, output, _) = await RunAsync("redrive", "--all", "--json");
        Assert.Equal(1, exitCode);
        Assert.Contains("without value", output, StringComparison.Ordinal);
        Assert.Equal(1, JsonDocument.Parse((await RunAsync("list", "--json")).Output).RootElement.GetArrayLength());
        Assert.Equal(0, (await RunAsync("redrive", "--all", "--skip", "0:0")).ExitCode);
        Assert.Equal("[]", (await RunAsync("list", "--json")).Output.Trim());
    }

    [Fact]
    public async Task Redrive_SkippedLetterIsNotThere_SaidAndTheOthersGo()
    {
        await WriteAsync(("reason", "r"));
        var (exitCode, output, error) = await RunAsync("redrive", "--all", "--skip", "0:7");
        Assert.Equal(0, exitCode);
        Assert.Contains("no letter 0:7", output + error, StringComparison.Ordinal);
        Assert.Empty(await LettersAsync());
    }

    [Fact]
    public async Task List_TopicOfOtherRecords_Returns1AndSaysSo()
    {
        await ProduceAsync("t", new() { Key = "secret"u8.ToArray(), Value = "payload"u8.ToArray() });
        var (exitCode, output, error) = await CliRun.RunAsync("dlq", "list", "--kafka", _kafka.BootstrapServers, "--topic", "t");
        Assert.Equal(1, exitCode);
        Assert.Equal("", output);
        Assert.Contains("no dead-letter topic", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redrive_TopicOfOtherRecords_Returns1AndWritesNothingThere()
    {
        await ProduceAsync("t", new() { Key = "secret"u8.ToArray(), Value = "payload"u8.ToArray() });
        var (exitCode, _, error) = await CliRun.RunAsync("dlq", "redrive", "0:0", "--skip", "0:0", "--kafka", _kafka.BootstrapServers, "--topic", "t");
        Assert.Equal(1, exitCode);
        Assert.Contains("no dead-letter topic", error, StringComparison.Ordinal);
        Assert.Single(Read(new TopicPartition("t", 0)));
    }

    [Fact]
    public async Task List_TopicMissing_Returns1AndNamesIt()
    {
        var (exitCode, _, error) = await CliRun.RunAsync("dlq", "list", "--kafka", _kafka.BootstrapServers, "--topic", "nowhere");
        Assert.Equal(1, exitCode);
        Assert.Contains("nowhere", error, StringComparison.Ordinal);
    }

    private Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] args) =>
        CliRun.RunAsync(["dlq", .. args, "--kafka", _kafka.BootstrapServers, "--topic", "t.dlq"]);

    private Task WriteAsync(params (string Name, string Value)[] headers)
    {
        var message = new Message<byte[]?, byte[]?> { Key = "secret"u8.ToArray(), Value = "payload"u8.ToArray(), Headers = [new Header("own", "kept"u8.ToArray())] };
        foreach (var (name, value) in headers.Concat(((string Name, string)[])[("topic", "t"), ("partition", "0")]).DistinctBy(h => h.Name))
        {
            message.Headers.Add(DeadLetterHeaders.Prefix + name, Encoding.UTF8.GetBytes(value));
        }
        return ProduceAsync("t.dlq", message);
    }

    /// <summary>A conversation whose letters lay at these offsets of partition 0.</summary>
    private async Task ParkAsync(params int[] offsets)
    {
        foreach (var offset in offsets)
        {
            await WriteAsync(
                ("reason", "r"), ("stream", "n/secret"), ("parked", "id/0@0"), ("position", $"id/0@{offset}"), ("origin", $"id/0@{offset}"));
        }
        await WriteStateAsync("id/0@0", $"id/0@{offsets[^1]}");
    }

    /// <summary>A stand-in for a silo, which does this when it reads the end behind so many others.</summary>
    private async Task AnswerEndAsync(int behind, Func<Task> answer)
    {
        await Task.Yield();
        using var consumer = new ConsumerBuilder<byte[]?, byte[]?>(new ConsumerConfig { BootstrapServers = _kafka.BootstrapServers, GroupId = "silo" }).Build();
        consumer.Assign(new TopicPartitionOffset("t", 0, 0));
        while (behind >= 0)
        {
            var record = consumer.Consume(TestContext.Current.CancellationToken);
            behind -= DeadLetterHeaders.Bytes(record.Message.Headers, DeadLetterHeaders.RedriveEnd) is null ? 0 : 1;
        }
        await answer();
    }

    private async Task<List<string>> LettersAsync() =>
        [.. JsonDocument.Parse((await RunAsync("list", "--json")).Output).RootElement.EnumerateArray().Select(l => l.GetProperty("letter").GetString()!)];

    /// <summary>That the conversation is parked, with letters up to the last; null: none is there yet.</summary>
    private Task WriteStateAsync(string since, string? last, int letters = 1, string topic = "t.parked", int partition = 0)
    {
        var state = new ParkedState(since, since, 1, Letters: letters, Ranges: last is null ? [] : [new(since, since.StartsWith("id/", StringComparison.Ordinal) ? since : last, last)]);
        return ProduceAsync(topic, new() { Key = Encoding.UTF8.GetBytes($"{partition}/n/secret"), Value = state.ToBytes() });
    }

    private async Task ProduceAsync(string topic, Message<byte[]?, byte[]?> message)
    {
        using var producer = new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig { BootstrapServers = _kafka.BootstrapServers }).Build();
        await producer.ProduceAsync(new TopicPartition(topic, 0), message, TestContext.Current.CancellationToken);
    }

    private List<ConsumeResult<byte[]?, byte[]?>> Read(TopicPartition partition)
    {
        List<ConsumeResult<byte[]?, byte[]?>> records = [];
        EmoStream.Streaming.Kafka.DeadLetters.PartitionScan.Read(
            new KafkaStreamOptions { BootstrapServers = _kafka.BootstrapServers, GroupId = "test" },
            partition,
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
