using System.Diagnostics;
using EmoStream.Benchmarks.Load;
using EmoStream.Testing.Cluster;

namespace EmoStream.Benchmarks.Takeover;

/// <summary>What to run.</summary>
internal sealed record TakeoverSettings(int Silos, int Conversations, int Rate, int Warm, int Seconds, int Seed);

/// <summary>What came out. Percentiles are of the load before the fault; the rest counts what was due from a second before it on.</summary>
/// <param name="Mode">What happened.</param>
/// <param name="Round">From 0.</param>
/// <param name="P50Ms">From due to announced entry, as all latencies.</param>
/// <param name="P99Ms">The same.</param>
/// <param name="LongestStallS">The latest of all utterances.</param>
/// <param name="AllGoOnS">How long, from the fault, the slowest conversation needed for the first utterance that it had to offer.</param>
/// <param name="ExitS">How long the stopped process took to end.</param>
/// <param name="Redelivered">Events that the readers of the other silos delivered again.</param>
/// <param name="Duplicates">Events that conversations on the other silos were given and had taken before.</param>
internal sealed record TakeoverResult(
    string Mode, int Round, double P50Ms, double P99Ms, double LongestStallS, double AllGoOnS, double? ExitS, long Redelivered, long Duplicates)
{
    private const int LargestBatch = 256;

    /// <summary>Within what operators may rely on, on any machine that can carry the load.</summary>
    public bool IsAsPromised => Mode switch
    {
        TakeoverRun.Kill => AllGoOnS <= 10,
        TakeoverRun.Term => AllGoOnS <= 2 && Redelivered + Duplicates <= LargestBatch,
        _ => true,
    };
}

/// <summary>One load during which one silo goes.</summary>
internal sealed class TakeoverRun(Bench bench, TakeoverSettings settings)
{
    public const string Kill = "kill";
    public const string Term = "term";
    public const string None = "none";
    public const int Partitions = 8;

    private const string Prefix = "takeover";
    private static readonly string[] s_counters = ["emostream.kafka.events.redelivered", "emostream.conversation.events.duplicate"];

    private long _fault;
    private double? _exit;
    private long[] _before = [];

    public async Task<TakeoverResult> RunAsync(string mode, int round, CancellationToken cancellationToken)
    {
        var leaving = bench.Silos[round % bench.Silos.Count];
        var others = mode == None ? bench.Silos : bench.Silos.FindAll(silo => silo != leaving);
        var workload = Workload.Create(Prefix, settings.Rate * (settings.Warm + settings.Seconds), settings.Conversations, 12, 35, settings.Seed + round);
        var (due, visibleAt) = await bench.LoadAsync(workload, Prefix, settings.Rate, () => FaultAsync(mode, leaving, others, cancellationToken), null, cancellationToken);
        var again = await Bench.ReadCountersAsync(others, s_counters, cancellationToken);

        // The first seconds activate the grains.
        var counted = due[0] + (settings.Warm * Stopwatch.Frequency / 2);
        var before = _fault - Stopwatch.Frequency;
        var (steady, longest, wait) = (new List<double>(), 0.0, 0.0);
        var goesOn = new HashSet<int>();
        for (var i = 0; i < due.Length; i++)
        {
            var latency = Stopwatch.GetElapsedTime(due[i], visibleAt[i]);
            if (due[i] < before)
            {
                if (due[i] >= counted) steady.Add(latency.TotalMilliseconds);
            }
            else
            {
                longest = Math.Max(longest, latency.TotalSeconds);
            }

            if (visibleAt[i] > _fault && goesOn.Add(workload.ConversationOf[i]))
            {
                wait = Math.Max(wait, Stopwatch.GetElapsedTime(Math.Max(due[i], _fault), visibleAt[i]).TotalSeconds);
            }
        }

        double[] sorted = [.. steady.Order()];
        return new(
            mode, round, Bench.Percentile(sorted, 0.5), Bench.Percentile(sorted, 0.99), longest, wait, _exit, again[0] - _before[0], again[1] - _before[1]);
    }

    private async Task FaultAsync(string mode, ServiceProcess leaving, List<ServiceProcess> others, CancellationToken cancellationToken)
    {
        await Task.Delay(TimeSpan.FromSeconds(settings.Warm), TimeProvider.System, cancellationToken);
        _before = await Bench.ReadCountersAsync(others, s_counters, cancellationToken);
        _fault = Stopwatch.GetTimestamp();
        if (mode == Kill) await leaving.KillAsync();
        if (mode == Term)
        {
            await leaving.StopAsync();
            _exit = Stopwatch.GetElapsedTime(_fault).TotalSeconds;
        }
    }
}
