using System.Diagnostics;
using System.Globalization;
using Confluent.Kafka;
using EmoStream.Testing;
using EmoStream.Testing.Kafka;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <content>What of <see cref="Conformance"/> the in-process cluster cannot show.</content>
public sealed partial class KafkaBrokerStreamTests
{
    [Fact, Trait(Conformance.List, Conformance.Reads)]
    public async Task Throttle_ReaderAboveItsQuota_SlowedDownAndNothingLost()
    {
        Assert.SkipUnless(KafkaTools.Unavailable is null, KafkaTools.Unavailable ?? "");
        const int records = 26;
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var client = $"throttled-{Guid.NewGuid():N}";
        // Ten seconds' worth may come at once: 200 of the 260 kB.
        await KafkaTools.RunAsync(
            "configs", ["--bootstrap-server", servers, "--alter", "--entity-type", "clients", "--entity-name", client, "--add-config", "consumer_byte_rate=20000"]);
        using var producer = Producer(servers);
        for (var i = 0; i < records; i++)
        {
            // One by one: a batch that is larger than the quota allows would never come through.
            await producer.ProduceAsync(
                new TopicPartition(topic, 0), new() { Key = "s"u8.ToArray(), Value = BackPressureTests.Value(i, 10_000) }, TestContext.Current.CancellationToken);
        }
        await using var host = await HostAsync(servers, topic, configure: options => options.ClientSettings["client.id"] = client);

        await host.Probe.Until(p => p.Count > 0);
        var first = Stopwatch.GetTimestamp();
        await host.Probe.Until(p => p.Count == records);

        Assert.True(Stopwatch.GetElapsedTime(first) > TimeSpan.FromSeconds(1), "the broker did not throttle");
        Assert.Equal(Enumerable.Range(0, records), host.Probe.ValuesOf("s").Select(v => int.Parse(v.AsSpan(0, 8), CultureInfo.InvariantCulture)));
        await CommittedAsync(servers, topic, 0, records);
    }

    [Fact, Trait(Conformance.List, Conformance.Failures)]
    public async Task Produce_BrokerDiesAfterAndBeforeItsAcknowledgement_EachEventOnce()
    {
        Assert.SkipUnless(KafkaBroker.Unkillable is null, KafkaBroker.Unkillable ?? "");
        await using var broker = await KafkaBroker.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        var topic = $"test-{Guid.NewGuid():N}";
        await broker.CreateTopicAsync(topic, 1);
        await using var host = await HostAsync(broker.BootstrapServers, topic);
        var stream = host.Streams.GetStream<string>(StreamId.Create(ProbeAdapter.Namespace, "s"));

        // Acknowledged, then gone before anybody was told of it; the next one is sent into the void.
        await stream.OnNextAsync("acknowledged");
        await broker.KillAsync();
        var underWay = stream.OnNextAsync("under way");
        Assert.False(underWay.IsCompleted);
        await broker.RestartAsync(TestContext.Current.CancellationToken);
        await underWay;

        await host.Probe.Until(p => p.Distinct == 2);
        await CommittedAsync(broker.BootstrapServers, topic, 0, 2);
        Assert.Equal(["acknowledged", "under way"], host.Probe.ValuesOf("s").Distinct());
        Assert.Equal(2, (await ReadAsync(broker.BootstrapServers, topic, 2)).Count);
    }

    [Fact, Trait(Conformance.List, Conformance.Failures)]
    public async Task Produce_RefusedByTheBroker_TheSenderIsToldAndMaySendAnother()
    {
        var servers = await ServersAsync();
        var topic = await kafka.CreateTopicAsync(1, new() { ["max.message.bytes"] = "1000" });
        await using var host = await HostAsync(servers, topic);
        var stream = host.Streams.GetStream<string>(StreamId.Create(ProbeAdapter.Namespace, "s"));

        var error = await Assert.ThrowsAnyAsync<KafkaException>(() => stream.OnNextAsync(new string('x', 5000)));

        Assert.Equal(Confluent.Kafka.ErrorCode.MsgSizeTooLarge, error.Error.Code);
        await stream.OnNextAsync("small");
        await host.Probe.Until(p => p.Count == 1);
        Assert.Equal(["small"], host.Probe.ValuesOf("s"));
    }

    [Fact, Trait(Conformance.List, Conformance.Load)]
    public async Task Retention_DeletesWhatAReaderWithoutRoomHasNotRead_CountedAndTheRestDelivered()
    {
        // Far more than the cache and what librdkafka reads ahead (4 MB): most of it lies in the broker only.
        const int records = 300;
        const int kept = 10;
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var probe = new Probe { Before = (_, _) => release.Task };
        using var lost = new CounterProbe("emostream.kafka.records.lost");
        await using var host = await HostAsync(servers, topic, probe, options => options.CacheRecords = 5, lost);
        using var producer = Producer(servers);
        for (var i = 0; i < records; i++)
        {
            producer.Produce(new TopicPartition(topic, 0), new() { Key = "s"u8.ToArray(), Value = BackPressureTests.Value(i, 50_000) });
        }
        producer.Flush(Eventually.Timeout);
        await probe.Until(p => p.Attempts == 1);
        using var admin = Admin(servers);
        await admin.DeleteRecordsAsync([new TopicPartitionOffset(topic, 0, records - kept)]);

        release.SetResult();

        await probe.Until(p => p.ValuesOf("s").Any(v => v.StartsWith($"{records - 1:D8}", StringComparison.Ordinal)));
        await CommittedAsync(servers, topic, 0, records);
        var taken = probe.ValuesOf("s").Select(v => int.Parse(v.AsSpan(0, 8), CultureInfo.InvariantCulture)).ToList();
        var head = taken.Count - kept;
        Assert.Equal([.. Enumerable.Range(0, head), .. Enumerable.Range(records - kept, kept)], taken);
        Assert.Equal(records - taken.Count, lost.Value);
        Assert.True(lost.Value > 0, "nothing was deleted before it was read");
    }
}
