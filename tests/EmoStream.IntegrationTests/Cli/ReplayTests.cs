using System.Text;
using Confluent.Kafka;
using EmoStream.Cli;
using EmoStream.Cli.Up;
using EmoStream.Testing;
using EmoStream.Testing.Processes;

namespace EmoStream.IntegrationTests.Cli;

/// <summary><c>emostream replay</c> against a broker that speaks Kafka's protocol.</summary>
public sealed class ReplayTests : IDisposable
{
    private readonly EmbeddedKafka _kafka = EmbeddedKafka.Start();
    private readonly string _file = Path.GetTempFileName();

    [Fact]
    public async Task Replay_FileWithABadLine_SendsTheRestInOrderAndReturns1()
    {
        _kafka.CreateTopic("meetings", 2);
        await File.WriteAllLinesAsync(_file,
        [
            """{"conversationId":"a","utteranceId":"u1","speaker":"Ana","startMs":0,"endMs":5,"text":"One."}""",
            """{"conversationId":"a","utteranceId":"u2","speaker":"Ben","startMs":7,"endMs":9,"text":5}""",
            """{"conversationId":"a","utteranceId":"u3","speaker":"Ben","startMs":null,"endMs":null,"text":"Three."}""",
        ], TestContext.Current.CancellationToken);

        var (exitCode, _, error) = await RunAsync("replay", _file, "--kafka", _kafka.BootstrapServers, "--topic", "meetings", "--speed", "max", "--conversation-prefix", "x-");

        Assert.Equal(1, exitCode);
        Assert.Contains("line 2: wrong-type: text", error);
        Assert.Contains("2 events of 1 conversations", error);
        var records = Consume("meetings", 3);
        Assert.All(records, record => Assert.Equal("x-a", Encoding.UTF8.GetString(record.Message.Key)));
        Assert.Single(records.Select(record => record.Partition).Distinct());
        var values = records.ConvertAll(record => Encoding.UTF8.GetString(record.Message.Value));
        Assert.Contains("\"One.\"", values[0]);
        Assert.Contains("\"Three.\"", values[1]);
        Assert.Contains("\"end\"", values[2]);
    }

    [Fact]
    public async Task Replay_NoBroker_Returns1AndSaysWhatToDo()
    {
        await File.WriteAllTextAsync(_file, """{"conversationId":"a","utteranceId":"u1","speaker":"Ana","text":"One."}""", TestContext.Current.CancellationToken);
        var bootstrapServers = _kafka.BootstrapServers;
        _kafka.Dispose();

        var (exitCode, _, error) = await RunAsync("replay", _file, "--kafka", bootstrapServers);

        Assert.Equal(1, exitCode);
        Assert.Contains("emostream doctor --kafka", error);
    }

    [Fact]
    public async Task Replay_SettingsForASecuredKafka_AreUsed()
    {
        Assert.SkipUnless(ChildProcess.Unavailable is null, ChildProcess.Unavailable ?? "");
        _kafka.CreateTopic("meetings", 1);
        await File.WriteAllTextAsync(_file, """{"conversationId":"a","utteranceId":"u1","speaker":"Ana","text":"One."}""", TestContext.Current.CancellationToken);

        // The broker speaks no TLS: whoever asks for it cannot reach it.
        Assert.Equal(0, await ReplayAsync("plaintext"));
        Assert.Equal(1, await ReplayAsync("ssl"));
    }

    public void Dispose()
    {
        _kafka.Dispose();
        File.Delete(_file);
    }

    /// <summary>As a process of its own: settings come from the environment.</summary>
    private async Task<int> ReplayAsync(string securityProtocol)
    {
        var log = Path.GetTempFileName();
        try
        {
            string[] arguments =
            [
                Path.Combine(Checkout.Output("EmoStream.Cli"), "emostream.dll"),
                "replay", _file, "--kafka", _kafka.BootstrapServers, "--topic", "meetings", "--speed", "max",
            ];
            var environment = new Dictionary<string, string?> { ["EmoStream__Kafka__security_protocol"] = securityProtocol };
            await using var replay = await ChildProcess.StartAsync(Programs.Find("dotnet") ?? "dotnet", arguments, log, environment);
            return await replay.WaitForExitAsync();
        }
        finally
        {
            File.Delete(log);
        }
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var exitCode = await CommandTree.RunAsync(args, output, error);
        return (exitCode, output.ToString(), error.ToString());
    }

    private List<ConsumeResult<byte[], byte[]>> Consume(string topic, int count)
    {
        using var consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig { BootstrapServers = _kafka.BootstrapServers, GroupId = "test" }).Build();
        consumer.Assign([new TopicPartitionOffset(topic, 0, Offset.Beginning), new TopicPartitionOffset(topic, 1, Offset.Beginning)]);
        var records = new List<ConsumeResult<byte[], byte[]>>();
        while (records.Count < count)
        {
            var record = consumer.Consume(TimeSpan.FromSeconds(30));
            Assert.True(record is not null, $"{records.Count} of {count} records came.");
            records.Add(record);
        }

        return records;
    }
}
