using System.Globalization;
using Confluent.Kafka;
using EmoStream.Testing;
using EmoStream.Testing.Kafka;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>Consumers that are slower than producers.</summary>
[Collection<Alone>]
public sealed class BackPressureTests(KafkaFixture kafka)
{
    /// <summary>What is measured is the heap of the whole process: no other test may run beside.</summary>
    [CollectionDefinition(DisableParallelization = true)]
    public sealed class Alone;

    /// <summary>Slower by construction: the grains may take one delivery for each thousand records that Kafka has acknowledged.</summary>
    [Fact, Trait(Conformance.List, Conformance.Load)]
    public async Task BackPressure_ConsumerAThousandTimesSlower_MemoryStaysBoundedAndItCatchesUp()
    {
        const int records = 40_000;
        const int slower = 1_000;
        const int size = 1_000;
        const long cacheBytes = 1024 * 1024;
        var servers = (await kafka.BrokerAsync()).BootstrapServers;
        var topic = await kafka.CreateTopicAsync();
        using var allowed = new SemaphoreSlim(0);
        var slow = true;
        var probe = new Probe();
        probe.Before = (_, _) => Volatile.Read(ref slow) ? allowed.WaitAsync(TestContext.Current.CancellationToken) : Task.CompletedTask;
        using var bytes = new CounterProbe("emostream.kafka.cache.size");
        await using var host = await ProbeHost.StartAsync(
            servers,
            topic,
            probe,
            o =>
            {
                o.CacheBytes = cacheBytes;
                o.DeliveryBatch = 1;
            },
            bytes);
        using var producer = KafkaStreamTests.Producer(servers);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var most = 0L;
        for (var thousand = 0; thousand < records / slower; thousand++)
        {
            var acknowledged = Enumerable.Range(thousand * slower, slower).Select(i => producer.ProduceAsync(
                new TopicPartition(topic, 0),
                new() { Key = "s"u8.ToArray(), Value = Value(i, size) },
                TestContext.Current.CancellationToken));
            await Task.WhenAll(acknowledged);
            allowed.Release();
            most = Math.Max(most, bytes.Observe());
        }
        // Kafka may have taken all of it before the partition has a reader.
        await Eventually.TrueAsync(
            () =>
            {
                most = Math.Max(most, bytes.Observe());
                return most >= cacheBytes / 2;
            },
            () => $"a full cache; holds {most} bytes");
        // The last record before the bound may pass it.
        Assert.InRange(most, cacheBytes / 2, cacheBytes + (2 * size));
        // Events of this adapter are strings: twice their bytes, and what they are kept in.
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 8 * cacheBytes);
        Assert.InRange(probe.Count, 0, records / slower);

        var caughtUp = probe.Until(p => p.Count == records);
        Volatile.Write(ref slow, false);
        allowed.Release(records);
        await caughtUp;
        Assert.Equal(Enumerable.Range(0, records), probe.ValuesOf("s").Select(v => int.Parse(v.AsSpan(0, 8), CultureInfo.InvariantCulture)));
        await KafkaStreamTests.CommittedAsync(servers, topic, 0, records);
    }

    internal static byte[] Value(int number, int size)
    {
        var value = new byte[size];
        value.AsSpan().Fill((byte)'x');
        number.TryFormat(value, out _, "D8", CultureInfo.InvariantCulture);
        return value;
    }
}
