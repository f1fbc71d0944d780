using System.Globalization;
using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using EmoStream.Cli;
using EmoStream.Streaming.Kafka;
using EmoStream.Testing;
using EmoStream.Testing.Kafka;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <content>Parked streams, and <c>emostream dlq</c> against them.</content>
public sealed partial class KafkaBrokerStreamTests
{
    [Fact]
    public async Task Redrive_WhileLiveRecordsCome_StreamContinuesInOrderWithoutLoss()
    {
        const int poison = 3;
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var ill = true;
        var refuse = Refuse("ill", $"{poison}");
        var probe = new Probe();
        probe.Before = (stream, items) => Volatile.Read(ref ill) ? refuse(stream, items) : Task.CompletedTask;
        using var parked = new CounterProbe("emostream.kafka.streams.parked");
        await using var host = await HostAsync(servers, topic, probe, RetryFast, parked);
        using var producer = Producer(servers);
        await SendAsync(producer, topic, 0, 10);
        await ReadAsync(servers, topic + ".dlq", 10 - poison);
        Assert.Equal(["0", "1", "2"], probe.ValuesOf("ill"));

        Volatile.Write(ref ill, false);
        var live = SendAsync(producer, topic, 10, 200);
        var (exitCode, output, error) = await RunAsync("dlq", "redrive", "--key", "ill", "--kafka", servers, "--topic", topic + ".dlq", "--json");
        await live;

        Assert.True(exitCode == 0, output + error);
        await probe.Until(p => p.ValuesOf("ill").Count == 200);
        Assert.Equal(Enumerable.Range(0, 200).Select(i => $"{i}"), probe.ValuesOf("ill"));
        Assert.Equal(1, JsonDocument.Parse(output).RootElement.GetProperty("conversations").GetInt32());
        Assert.Equal(0, parked.Observe());

        // Nothing is left, and what comes next is delivered at once.
        Assert.Equal("[]", (await RunAsync("dlq", "list", "--kafka", servers, "--topic", topic + ".dlq", "--json")).Output.Trim());
        await SendAsync(producer, topic, 200, 201);
        await probe.Until(p => p.ValuesOf("ill").Count == 201);
    }

    [Fact]
    public async Task Redrive_OwnerChangedWhileParked_ContinuesInOrder()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var probe = new Probe { Before = Refuse("ill", "1") };
        using var producer = Producer(servers);
        await using (var host = await HostAsync(servers, topic, probe, RetryFast))
        {
            await SendAsync(producer, topic, 0, 4);
            await ReadAsync(servers, topic + ".dlq", 3);
            await CommittedAsync(servers, topic, 0, 4);
        }
        probe.Before = (_, _) => Task.CompletedTask;
        await using var next = await HostAsync(servers, topic, probe, RetryFast);
        await SendAsync(producer, topic, 4, 6);
        await ReadAsync(servers, topic + ".dlq", 5);
        Assert.Equal(["0"], probe.ValuesOf("ill"));

        var (exitCode, output, error) = await RunAsync("dlq", "redrive", "--all", "--kafka", servers, "--topic", topic + ".dlq");
        Assert.True(exitCode == 0, output + error);
        await probe.Until(p => p.ValuesOf("ill").Count == 6);
        Assert.Equal(["0", "1", "2", "3", "4", "5"], probe.ValuesOf("ill"));
    }

    [Fact]
    public async Task Parking_SiloStopsMeanwhile_EveryLetterIsCommitted()
    {
        const int events = 200;
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        await (await kafka.BrokerAsync()).CreateTopicAsync(topic + ".dlq", 1);
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var probe = new Probe
        {
            Before = async (_, _) =>
            {
                await all.Task;
                throw new InvalidOperationException("refused");
            },
        };
        using var letters = new CounterProbe("emostream.kafka.records.dead_lettered");
        using var read = new CounterProbe("emostream.kafka.records.read", and: letters);
        using var producer = Producer(servers);
        await using (await HostAsync(servers, topic, probe, RetryFast, read))
        {
            for (var i = 0; i < events; i++)
            {
                Send(producer, topic, "ill", $"{i}");
            }
            await read.AtLeast(events);
            all.SetResult();
            await letters.AtLeast(1);
        }

        // What is a letter and not committed would be one again.
        using var written = new KafkaProgress(servers, "unused", topic + ".dlq", 1);
        await CommittedAsync(servers, topic, 0, (await written.ReadAsync()).Produced);
    }

    /// <summary>The dead-letter topic takes nothing until the silo that gave the event up is gone.</summary>
    [Fact]
    public async Task Parking_LettersNotAcknowledged_SaidBeforeThemAndTheNextOwnerWritesThem()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var broker = await kafka.BrokerAsync();
        await broker.CreateTopicAsync(topic + ".dlq", 1, new() { ["max.message.bytes"] = "1" });
        await broker.CreateTopicAsync(topic + ".parked", 1, new() { ["cleanup.policy"] = "compact" });
        var probe = new Probe { Before = Refuse("ill", "1") };
        using var producer = Producer(servers);
        await using (await HostAsync(servers, topic, probe, RetryFast))
        {
            await SendAsync(producer, topic, 0, 4);
            var state = JsonDocument.Parse(Assert.Single(await ReadAsync(servers, topic + ".parked", 1)).Message.Value!).RootElement;
            Assert.Equal(0, state.GetProperty("ranges").GetArrayLength());
        }

        using var admin = Admin(servers);
        await admin.IncrementalAlterConfigsAsync(
            new() { [new() { Type = ResourceType.Topic, Name = topic + ".dlq" }] = [new() { Name = "max.message.bytes", Value = "100000", IncrementalOperation = AlterConfigOpType.Set }] });
        probe.Before = (_, _) => Task.CompletedTask;
        await using var next = await HostAsync(servers, topic, probe, RetryFast);
        var letters = await ReadAsync(servers, topic + ".dlq", 3);
        Assert.Equal(["4", null, null], letters.Select(letter => DeadLetterHeaders.Text(letter.Message.Headers, DeadLetterHeaders.Attempts)));
        var (exitCode, said, error) = await RunAsync("dlq", "redrive", "--all", "--kafka", servers, "--topic", topic + ".dlq");
        Assert.True(exitCode == 0, said + error);
        await probe.Until(p => p.ValuesOf("ill").Count == 4);
        Assert.Equal(["0", "1", "2", "3"], probe.ValuesOf("ill"));
    }

    [Fact]
    public async Task Redrive_EventStillRefused_ParkedAnewAndSkipContinuesWithoutIt()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var probe = new Probe { Before = Refuse("ill", "1") };
        using var parkings = new CounterProbe("emostream.kafka.streams.parkings");
        await using var host = await HostAsync(servers, topic, probe, RetrySlowly, parkings);
        using var producer = Producer(servers);
        await SendAsync(producer, topic, 0, 4);
        await ReadAsync(servers, topic + ".dlq", 3);
        var again = await RunAsync("dlq", "redrive", "--all", "--kafka", servers, "--topic", topic + ".dlq");
        // The end waits for the attempts: it is no success before they are over.
        Assert.True(again.ExitCode == 1, again.Output + again.Error);
        Assert.Contains("parked anew", again.Output + again.Error, StringComparison.Ordinal);
        await parkings.AtLeast(2);
        // 3 letters, 3 marks that they are settled, 3 letters again.
        await ReadAsync(servers, topic + ".dlq", 9);

        var list = JsonDocument.Parse((await RunAsync("dlq", "list", "--kafka", servers, "--topic", topic + ".dlq", "--json")).Output).RootElement;
        Assert.Equal(3, list.GetArrayLength());
        var refused = Assert.Single(list.EnumerateArray(), l => l.TryGetProperty("attempts", out var n) && n.GetInt32() == 4).GetProperty("letter").GetString()!;
        var (exitCode, output, error) = await RunAsync("dlq", "redrive", "--all", "--skip", refused, "--kafka", servers, "--topic", topic + ".dlq");
        Assert.True(exitCode == 0, output + error);
        await probe.Until(p => p.ValuesOf("ill").Count == 3);
        Assert.Equal(["0", "2", "3"], probe.ValuesOf("ill"));

        // Slower than the command looks at the state.
        static void RetrySlowly(KafkaStreamOptions options)
        {
            RetryFast(options);
            for (var i = 0; i < options.RetryDelays.Count; i++)
            {
                options.RetryDelays[i] = TimeSpan.FromMilliseconds(400);
            }
        }
    }

    [Fact]
    public async Task Dlq_RecordThatWasNoEvent_ListedShownAndSentAgainAsItWas()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        await using var host = await HostAsync(servers, topic);
        using var producer = Producer(servers);
        Send(producer, topic, "s", "bad:once");
        producer.Flush(Eventually.Timeout);
        var dead = Assert.Single(await ReadAsync(servers, topic + ".dlq", 1));
        var letter = $"{dead.Partition.Value}:{dead.Offset.Value}";

        var listed = JsonDocument.Parse((await RunAsync("dlq", "list", "--kafka", servers, "--topic", topic + ".dlq", "--json")).Output).RootElement[0];
        Assert.Equal(letter, listed.GetProperty("letter").GetString());
        Assert.Equal("not good: once", listed.GetProperty("reason").GetString());
        Assert.False(listed.TryGetProperty("key", out _));
        var table = (await RunAsync("dlq", "list", "--kafka", servers, "--topic", topic + ".dlq", "--keys")).Output;
        Assert.Contains("not good: once", table, StringComparison.Ordinal);
        Assert.Contains("Key", table, StringComparison.Ordinal);
        var shown = (await RunAsync("dlq", "show", letter, "--kafka", servers, "--topic", topic + ".dlq")).Output;
        Assert.Contains("original: kept", shown, StringComparison.Ordinal);
        Assert.Contains("bad:once", shown, StringComparison.Ordinal);

        Assert.Equal(0, (await RunAsync("dlq", "redrive", letter, "--kafka", servers, "--topic", topic + ".dlq")).ExitCode);
        // It is no event this time either: a new letter of the new record, with the same bytes.
        var again = (await ReadAsync(servers, topic + ".dlq", 3)).Single(d => DeadLetterHeaders.Text(d.Message.Headers, DeadLetterHeaders.Offset) == "1");
        Assert.Equal("bad:once"u8.ToArray(), again.Message.Value);
        Assert.Equal("kept", Header(again, "original"));
        Assert.Equal(Header(dead, DeadLetterHeaders.Timestamp), Header(again, DeadLetterHeaders.Timestamp));
        Assert.Equal(1, (await RunAsync("dlq", "show", letter, "--kafka", servers, "--topic", topic + ".dlq")).ExitCode);
        Assert.Equal(1, (await RunAsync("dlq", "redrive", letter, "--kafka", servers, "--topic", topic + ".dlq")).ExitCode);
    }

    /// <summary>Both refuse the same event, so both park the stream; one is mended and sent its letters again.</summary>
    [Fact]
    public async Task Parked_InTwoGroupsOfOneTopic_RedriveOfOneContinuesItAlone()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var (billing, audit) = (new Probe { Before = Refuse("ill", "1") }, new Probe { Before = Refuse("ill", "1") });
        await using var first = await GroupAsync("billing", billing);
        await using var second = await GroupAsync("audit", audit);
        using var producer = Producer(servers);
        await SendAsync(producer, topic, 0, 3);
        await ReadAsync(servers, $"{topic}.billing.dlq", 2);
        await ReadAsync(servers, $"{topic}.audit.dlq", 2);

        billing.Before = (_, _) => Task.CompletedTask;
        var (exitCode, output, error) = await RunAsync("dlq", "redrive", "--all", "--kafka", servers, "--topic", $"{topic}.billing.dlq");

        Assert.True(exitCode == 0, output + error);
        await billing.Until(p => p.ValuesOf("ill").Count == 3);
        Assert.Equal(["0", "1", "2"], billing.ValuesOf("ill"));
        // The other's two letters, and the two records that were sent again, which are not for it: behind the event it gave up.
        await ReadAsync(servers, $"{topic}.audit.dlq", 4);
        Assert.Equal(["0"], audit.ValuesOf("ill"));
        Assert.Equal("[]", (await RunAsync("dlq", "list", "--kafka", servers, "--topic", $"{topic}.billing.dlq", "--json")).Output.Trim());

        Task<ProbeHost> GroupAsync(string group, Probe probe) => ProbeHost.StartAsync(
            servers,
            topic,
            probe,
            RetryFast,
            configuration: new Dictionary<string, string?>
            {
                ["Orleans:Streaming:Kafka:GroupId"] = group,
                ["Orleans:Streaming:Kafka:DeadLetterTopic"] = "",
                ["Orleans:Streaming:Kafka:ParkingTopic"] = "",
            });
    }

    [Fact]
    public async Task Redrive_LetterThatKafkaRefuses_NamedAndTheOthersGoOnce()
    {
        var servers = await ServersAsync();
        var topic = await kafka.CreateTopicAsync(1, new() { ["max.message.bytes"] = "1000" });
        await (await kafka.BrokerAsync()).CreateTopicAsync(topic + ".dlq", 1, []);
        using var producer = Producer(servers);
        for (var i = 0; i < 3; i++)
        {
            Headers headers = [new Header(DeadLetterHeaders.Topic, Encoding.UTF8.GetBytes(topic))];
            await producer.ProduceAsync(
                new TopicPartition(topic + ".dlq", 0), new() { Value = new byte[i == 1 ? 2000 : 1], Headers = headers }, TestContext.Current.CancellationToken);
        }

        var (exitCode, output, error) = await RunAsync("dlq", "redrive", "--all", "--kafka", servers, "--topic", topic + ".dlq", "--json");
        Assert.True(exitCode == 1, output + error);
        var result = JsonDocument.Parse(output).RootElement;
        Assert.Equal(2, result.GetProperty("sent").GetInt32());
        Assert.StartsWith("letter 0:1 was refused: ", Assert.Single(result.GetProperty("problems").EnumerateArray()).GetString(), StringComparison.Ordinal);
        var left = JsonDocument.Parse((await RunAsync("dlq", "list", "--kafka", servers, "--topic", topic + ".dlq", "--json")).Output).RootElement;
        Assert.Equal("0:1", Assert.Single(left.EnumerateArray()).GetProperty("letter").GetString());
    }

    [Fact]
    public async Task Redrive_ParkedLetterThatKafkaRefuses_NoneBehindItGoesBeforeIt()
    {
        var servers = await ServersAsync();
        var topic = await kafka.CreateTopicAsync(1, new() { ["max.message.bytes"] = "1000" });
        var broker = await kafka.BrokerAsync();
        await broker.CreateTopicAsync(topic + ".dlq", 1, []);
        await broker.CreateTopicAsync(topic + ".parked", 1, []);
        using var producer = Producer(servers);
        await producer.ProduceAsync(
            new TopicPartition(topic + ".parked", 0),
            new() { Key = "0/n/ill"u8.ToArray(), Value = """{"since":"g:id/0@0","from":"id/0@0","atMs":1,"ranges":[{"since":"g:id/0@0","first":"id/0@0","last":"id/0@3"}]}"""u8.ToArray() },
            TestContext.Current.CancellationToken);
        for (var i = 0; i < 4; i++)
        {
            Headers headers =
            [
                Text(DeadLetterHeaders.Topic, topic), Text(DeadLetterHeaders.Partition, "0"), Text(DeadLetterHeaders.Stream, "n/ill"),
                Text(DeadLetterHeaders.Parked, "g:id/0@0"), Text(DeadLetterHeaders.Position, $"id/0@{i}"), Text(DeadLetterHeaders.Origin, $"id/0@{i}"),
            ];
            await producer.ProduceAsync(
                new TopicPartition(topic + ".dlq", 0), new() { Key = "ill"u8.ToArray(), Value = new byte[i == 1 ? 2000 : 1], Headers = headers }, TestContext.Current.CancellationToken);
        }

        var (exitCode, output, error) = await RunAsync("dlq", "redrive", "--all", "--timeout", "1", "--kafka", servers, "--topic", topic + ".dlq", "--json");
        Assert.True(exitCode == 1, output + error);
        var result = JsonDocument.Parse(output).RootElement;
        Assert.Equal(1, result.GetProperty("sent").GetInt32());
        Assert.StartsWith("letter 0:1 was refused: ", Assert.Single(result.GetProperty("problems").EnumerateArray()).GetString(), StringComparison.Ordinal);

        using var admin = Admin(servers);
        await admin.IncrementalAlterConfigsAsync(
            new() { [new() { Type = ResourceType.Topic, Name = topic }] = [new() { Name = "max.message.bytes", Value = "100000", IncrementalOperation = AlterConfigOpType.Set }] });
        // Until the broker goes by it; no silo takes the end, so this one fails, too.
        await Eventually.TrueAsync(
            async _ =>
            {
                output = (await RunAsync("dlq", "redrive", "--all", "--timeout", "1", "--kafka", servers, "--topic", topic + ".dlq", "--json")).Output;
                return JsonDocument.Parse(output).RootElement.GetProperty("sent").GetInt32() == 3;
            },
            () => $"the three letters that were left, is {output}");
        var sent = await ReadAsync(servers, topic, 5);
        Assert.Equal(["id/0@0", "id/0@1", "id/0@2", "id/0@3", null], sent.Select(r => DeadLetterHeaders.Text(r.Message.Headers, DeadLetterHeaders.RedriveOrigin)));

        static Header Text(string name, string value) => new(name, Encoding.UTF8.GetBytes(value));
    }

    /// <summary>To "ill", one after another, each when the one before is acknowledged.</summary>
    private static async Task SendAsync(IProducer<byte[]?, byte[]?> producer, string topic, int from, int to)
    {
        for (var i = from; i < to; i++)
        {
            var value = Encoding.UTF8.GetBytes(i.ToString(CultureInfo.InvariantCulture));
            await producer.ProduceAsync(new TopicPartition(topic, 0), new() { Key = "ill"u8.ToArray(), Value = value }, TestContext.Current.CancellationToken);
        }
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var exitCode = await Task.Run(() => CommandTree.RunAsync(args, output, error), TestContext.Current.CancellationToken);
        return (exitCode, output.ToString(), error.ToString());
    }
}
