using System.Diagnostics;
using EmoStream.Benchmarks.Load;

namespace EmoStream.Benchmarks.Poison;

/// <summary>What to run.</summary>
internal sealed record PoisonSettings(int Conversations, int Rate, int Warm, int Seconds, int Seed);

/// <summary>What came out, of all conversations but the poisoned one. Latency from due to announced entry.</summary>
internal sealed record PoisonResult(bool Poisoned, int Round, double P50Ms, double P99Ms, double MaxMs, long Retried, long DeadLettered);

/// <summary>
/// One load on one partition, in which one conversation is poisoned when the measurement begins, or is not. The poison: its
/// state in Redis is a string instead of a hash, so that neither a commit nor another activation succeeds. Its events go on.
/// </summary>
internal sealed class PoisonRun(Bench bench, PoisonSettings settings)
{
    private const string Prefix = "poison";
    private const int Poisoned = 0;

    public async Task<PoisonResult> RunAsync(bool poisoned, int round, CancellationToken cancellationToken)
    {
        var workload = Workload.Create(Prefix, settings.Rate * (settings.Warm + settings.Seconds), settings.Conversations, 12, 35, settings.Seed + round);
        var from = 0L;
        var (due, visibleAt) = await bench.LoadAsync(workload, Prefix, settings.Rate, BeginAsync, Poisoned, cancellationToken);
        double[] latencies =
        [
            .. Enumerable.Range(0, due.Length).Where(i => due[i] >= from && workload.ConversationOf[i] != Poisoned)
                .Select(i => Stopwatch.GetElapsedTime(due[i], visibleAt[i]).TotalMilliseconds).Order(),
        ];
        var counters = await Bench.ReadCountersAsync(bench.Silos, ["emostream.kafka.events.retries", "emostream.kafka.records.dead_lettered"], cancellationToken);
        return new(
            poisoned, round, Bench.Percentile(latencies, 0.5), Bench.Percentile(latencies, 0.99), latencies[^1], counters[0], counters[1]);

        async Task BeginAsync()
        {
            await Task.Delay(TimeSpan.FromSeconds(settings.Warm), TimeProvider.System, cancellationToken);
            if (poisoned) await bench.Redis.StringSetAsync($"emostream:{{{Prefix}-{Poisoned}}}:state", "not a hash");
            from = Stopwatch.GetTimestamp();
        }
    }
}
