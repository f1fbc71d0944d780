using System.Security.Cryptography;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using EmoStream.Testing;
using EmoStream.Testing.Kafka;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <content>Dead letters that their topic refuses.</content>
public sealed partial class KafkaBrokerStreamTests
{
    [Fact]
    public async Task DeadLetter_TooLargeForItsTopic_HeadersWithHashAndThePartitionGoesOn()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        await (await kafka.BrokerAsync()).CreateTopicAsync(topic + ".dlq", 1, new() { ["max.message.bytes"] = "2000" });
        await using var host = await HostAsync(servers, topic);
        var good = host.Probe.Until(p => p.ValuesOf("s").Count == 1);
        using var producer = Producer(servers);
        var value = "bad:" + new string('x', 10_000);
        Send(producer, topic, "s", value);
        Send(producer, topic, "s", "bad:small");
        Send(producer, topic, "s", "good");
        producer.Flush(Eventually.Timeout);
        await good;

        var dead = (await ReadAsync(servers, topic + ".dlq", 2)).ToDictionary(d => Header(d, "emostream-dlq-offset"));
        Assert.Equal("bad:small"u8.ToArray(), dead["1"].Message.Value);
        Assert.Empty(dead["0"].Message.Value!);
        Assert.Equal("s"u8.ToArray(), dead["0"].Message.Key);
        Assert.Equal("true", Header(dead["0"], "emostream-dlq-truncated"));
        Assert.Equal("10004", Header(dead["0"], "emostream-dlq-size"));
        Assert.Equal(
            Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(value))), Header(dead["0"], "emostream-dlq-sha256"));
        await CommittedAsync(servers, topic, 0, 3);
    }

    [Fact]
    public async Task DeadLetter_TopicRefusesEverything_OffsetWaitsAndOthersGoOn()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var deadLetters = topic + ".dlq";
        await (await kafka.BrokerAsync()).CreateTopicAsync(deadLetters, 1, new() { ["max.message.bytes"] = "50" });
        using var pending = new CounterProbe("emostream.kafka.dead_letters.pending");
        await using var host = await HostAsync(servers, topic, counter: pending);
        var good = host.Probe.Until(p => p.ValuesOf("s").Count == 2);
        using var producer = Producer(servers);
        Send(producer, topic, "s", "good 1");
        Send(producer, topic, "s", "bad:refused");
        Send(producer, topic, "s", "good 2");
        producer.Flush(Eventually.Timeout);
        await good;
        await CommittedAsync(servers, topic, 0, 1);
        Assert.Equal(1, pending.Observe());

        using var admin = Admin(servers);
        await admin.IncrementalAlterConfigsAsync(new()
        {
            [new ConfigResource { Type = ResourceType.Topic, Name = deadLetters }] =
                [new ConfigEntry { Name = "max.message.bytes", Value = "100000", IncrementalOperation = AlterConfigOpType.Set }],
        });
        Assert.Equal("1", Header((await ReadAsync(servers, deadLetters, 1))[0], "emostream-dlq-offset"));
        await CommittedAsync(servers, topic, 0, 3);
        await Eventually.TrueAsync(() => pending.Observe() == 0, () => $"{pending.Value} dead letters pending");
    }

    [Fact]
    public async Task DeadLetter_CutCopyStillTooLarge_HeadersAlone()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        await (await kafka.BrokerAsync()).CreateTopicAsync(topic + ".dlq", 1, new() { ["max.message.bytes"] = "900" });
        await using var host = await HostAsync(servers, topic);
        using var producer = Producer(servers);
        Send(producer, topic, new string('k', 2000), "bad:" + new string('x', 2000));
        producer.Flush(Eventually.Timeout);

        var dead = Assert.Single(await ReadAsync(servers, topic + ".dlq", 1));
        Assert.Empty(dead.Message.Key!);
        Assert.Empty(dead.Message.Value!);
        Assert.Equal("0", Header(dead, "emostream-dlq-offset"));
        Assert.Equal("2004", Header(dead, "emostream-dlq-size"));
        await CommittedAsync(servers, topic, 0, 1);
    }

    /// <summary>Between silos Orleans would try such a call without end.</summary>
    [Fact]
    public async Task DeadLetter_RequestContextThatNoCallCarries_AndThePartitionGoesOn()
    {
        var servers = await ServersAsync();
        var topic = await kafka.CreateTopicAsync(1, new() { ["max.message.bytes"] = "10000000" });
        await using var host = await HostAsync(servers, topic);
        var next = host.Probe.Until(p => p.ValuesOf("s").Count == 1);
        using var producer = Producer(servers);
        await producer.ProduceAsync(
            new TopicPartition(topic, 0),
            new() { Key = "s"u8.ToArray(), Value = "v"u8.ToArray(), Headers = [new Header("orleans-context-tenant", new byte[8 * 1024 * 1024])] },
            TestContext.Current.CancellationToken);
        Send(producer, topic, "s", "next");
        producer.Flush(Eventually.Timeout);
        await next;

        Assert.Contains("request context", Header(Assert.Single(await ReadAsync(servers, topic + ".dlq", 1)), "emostream-dlq-reason"), StringComparison.Ordinal);
        await CommittedAsync(servers, topic, 0, 2);
    }

    [Fact]
    public async Task DeadLetter_RecordOver100MB_TruncatedAndThePartitionGoesOn()
    {
        // Above librdkafka's receive.message.max.bytes (100 MB unless set), below the broker's socket.request.max.bytes (100 MiB).
        const int size = 101_000_000;
        Assert.SkipUnless(KafkaBroker.Unavailable is null, KafkaBroker.Unavailable ?? "");
        // Not the one that all tests share: its heap holds two such requests only by luck, and without memory it answers nobody.
        await using var broker = await KafkaBroker.StartAsync(heap: "1g", cancellationToken: TestContext.Current.CancellationToken);
        var servers = broker.BootstrapServers;
        var topic = $"large-{Guid.NewGuid():N}";
        await broker.CreateTopicAsync(topic, 1, new() { ["max.message.bytes"] = "134217728" });
        using var producer = new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig { BootstrapServers = servers, MessageMaxBytes = 110_000_000 })
            .SetLogHandler((_, _) => { }).Build();
        var value = new byte[size];
        "bad:"u8.CopyTo(value);
        await producer.ProduceAsync(new TopicPartition(topic, 0), new() { Key = "s"u8.ToArray(), Value = value }, TestContext.Current.CancellationToken);
        Send(producer, topic, "s", "good");
        producer.Flush(Eventually.Timeout);
        await using var host = await HostAsync(servers, topic);
        await host.Probe.Until(p => p.ValuesOf("s").Count == 1);

        var dead = Assert.Single(await ReadAsync(servers, topic + ".dlq", 1));
        Assert.Equal("true", Header(dead, "emostream-dlq-truncated"));
        Assert.Equal("101000000", Header(dead, "emostream-dlq-size"));
        await CommittedAsync(servers, topic, 0, 2);
    }
}
