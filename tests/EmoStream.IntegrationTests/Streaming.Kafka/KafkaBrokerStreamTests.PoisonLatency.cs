using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using EmoStream.Testing;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <content>What a poisoned stream costs its neighbours.</content>
public sealed partial class KafkaBrokerStreamTests
{
    /// <summary>
    /// Rounds without and with the poison alternate in one process, so that whatever else the machine does falls on both. The
    /// figures go into the test's output; what must not be is a neighbour that waits for a retry.
    /// </summary>
    [Fact]
    public async Task Poison_OneStreamOfAThousandInAPartition_TheOthersDoNotWaitForItsRetries()
    {
        const int streams = 999;
        const int rounds = 5;
        var pause = TimeSpan.FromSeconds(2);
        var limit = pause.TotalMilliseconds / 4;
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var sentAt = new ConcurrentDictionary<string, long>();
        var latencies = new ConcurrentBag<double>();
        var refused = 0;
        var probe = new Probe();
        probe.Before = (stream, items) =>
        {
            if (stream.StartsWith("ill", StringComparison.Ordinal))
            {
                Interlocked.Increment(ref refused);
                throw new InvalidOperationException("refused");
            }
            foreach (var item in items)
            {
                latencies.Add(Stopwatch.GetElapsedTime(sentAt[item.Item]).TotalMilliseconds);
            }
            return Task.CompletedTask;
        };
        using var letters = new CounterProbe("emostream.kafka.records.dead_lettered");
        await using var host = await HostAsync(
            servers,
            topic,
            probe,
            o =>
            {
                o.RetryDelays.Clear();
                o.RetryDelays.Add(pause);
            },
            letters);
        using var producer = Producer(servers);
        var count = 0;
        await RoundAsync(); // activates the grains
        List<(double P50, double P99)> without = [];
        List<(double P50, double P99)> with = [];
        for (var round = 0; round < rounds; round++)
        {
            without.Add(await RoundAsync());
            // A new one each time, so that it waits for its retry while the others are measured.
            var attempts = Volatile.Read(ref refused);
            var underWay = probe.Until(_ => Volatile.Read(ref refused) > attempts);
            for (var i = 0; i < 100; i++)
            {
                Send(producer, topic, $"ill {round}", $"{i}");
            }
            await underWay;
            with.Add(await RoundAsync());
            // It is given up and parked: the next round without poison has none.
            await letters.AtLeast((round + 1) * 100);
        }

        var p50 = (Without: without.Max(r => r.P50), With: Middle(with.Select(r => r.P50)));
        var p99 = (Without: without.Max(r => r.P99), With: Middle(with.Select(r => r.P99)));
        TestContext.Current.TestOutputHelper!.WriteLine(
            $"ms without poison, {rounds} rounds: p50 {Middle(without.Select(r => r.P50)):F2} (at most {p50.Without:F2}), p99 {Middle(without.Select(r => r.P99)):F2} (at most {p99.Without:F2}); with: p50 {p50.With:F2}, p99 {p99.With:F2}");
        // Nobody waited for a retry of the poison. Finer differences are noise here.
        Assert.True(p50.With < p50.Without + limit, $"p50 {p50.With:F2} ms with the poison, at most {p50.Without:F2} ms without");
        Assert.True(p99.With < p99.Without + limit, $"p99 {p99.With:F2} ms with the poison, at most {p99.Without:F2} ms without");

        // One event of each stream, fifty under way at a time.
        async Task<(double P50, double P99)> RoundAsync()
        {
            latencies.Clear();
            foreach (var window in Enumerable.Range(0, streams).Chunk(50))
            {
                var done = probe.Until(p => p.Count == count + window.Length);
                foreach (var stream in window)
                {
                    var value = (count + stream).ToString(CultureInfo.InvariantCulture) + $" of {stream}";
                    sentAt[value] = Stopwatch.GetTimestamp();
                    Send(producer, topic, $"s{stream}", value);
                }
                producer.Flush(Eventually.Timeout);
                await done;
                count += window.Length;
            }
            var sorted = latencies.Order().ToList();
            return (sorted[sorted.Count / 2], sorted[sorted.Count * 99 / 100]);
        }

        static double Middle(IEnumerable<double> values)
        {
            var sorted = values.Order().ToList();
            return sorted[sorted.Count / 2];
        }
    }
}
