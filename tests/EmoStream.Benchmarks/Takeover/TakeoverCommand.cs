using System.CommandLine;
using System.Text.Json;
using EmoStream.Benchmarks.Load;
using EmoStream.Testing.Kafka;
using Spectre.Console;

namespace EmoStream.Benchmarks.Takeover;

/// <summary>
/// How long conversations stand still when one of several silos goes, killed or stopped, beside the same load that nothing
/// disturbs. One JSON line a run on standard output, then the table on standard error.
/// </summary>
internal static class TakeoverCommand
{
    private static readonly string[] Modes = [TakeoverRun.Kill, TakeoverRun.Term, TakeoverRun.None];

    public static Command Create()
    {
        var modes = new Option<string[]>("--mode")
        {
            Description = "kill: kill -9; term: SIGTERM; none: the baseline. All by default.",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => Modes,
        };
        modes.AcceptOnlyFromAmong(Modes);
        var rounds = Bench.Positive("--rounds", "Runs of each mode, interleaved.", 3);
        var silos = Bench.Positive("--silos", "Silos, one of which goes.", 3);
        var conversations = Bench.Positive("--conversations", "Conversations.", 300);
        var rate = Bench.Positive("--rate", "Utterances per second over all of them.", 300);
        var warm = Bench.Positive("--warm", "Seconds of load before the fault.", 15);
        var seconds = Bench.Positive("--seconds", "Seconds of load behind it.", 20);
        var seed = new Option<int>("--seed") { Description = "Seed of the workload.", DefaultValueFactory = _ => 1 };
        var command = new Command("takeover", "How long conversations stall when a silo is killed or stopped, and what is delivered again. Build with -c Release.")
        {
            modes, rounds, silos, conversations, rate, warm, seconds, seed,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (!await Bench.HasServersAsync("takeover")) return 1;
            var settings = new TakeoverSettings(
                parsed.GetValue(silos), parsed.GetValue(conversations), parsed.GetValue(rate), parsed.GetValue(warm), parsed.GetValue(seconds), parsed.GetValue(seed));
            var results = await RunAsync(settings, parsed.GetValue(modes)!, parsed.GetValue(rounds), cancellationToken);
            Report(results);
            if (results.TrueForAll(r => r.IsAsPromised)) return 0;
            await Console.Error.WriteLineAsync("Not as promised: all go on 10 s after a kill, and 2 s after a stop that repeats no more than one batch.");
            return 1;
        });
        return command;
    }

    private static async Task<List<TakeoverResult>> RunAsync(TakeoverSettings settings, string[] modes, int rounds, CancellationToken cancellationToken)
    {
        await using var kafka = await KafkaBroker.StartAsync(cancellationToken: cancellationToken);
        await using var redis = await Bench.StartRedisAsync();
        var results = new List<TakeoverResult>();
        for (var i = 0; i < rounds * modes.Length; i++)
        {
            // The order rotates: no mode always runs first, or always behind the same other.
            var round = i / modes.Length;
            var mode = modes[(i + round) % modes.Length];
            await Console.Error.WriteLineAsync($"round {round + 1} of {rounds}: {mode}, {settings.Warm + settings.Seconds} s of load");
            await using var bench = await Bench.StartAsync(kafka, redis, TakeoverRun.Partitions, settings.Silos);
            var result = await new TakeoverRun(bench, settings).RunAsync(mode, round, cancellationToken);
            results.Add(result);
            await Console.Out.WriteLineAsync(JsonSerializer.Serialize(result));
        }

        return results;
    }

    private static void Report(List<TakeoverResult> results)
    {
        var table = new Table().AddColumns("mode", "round", "p50 ms", "p99 ms", "longest stall s", "all go on after s", "exit s", "delivered again", "duplicates");
        foreach (var r in results.OrderBy(r => Array.IndexOf(Modes, r.Mode)).ThenBy(r => r.Round))
        {
            table.AddRow(
                r.Mode, $"{r.Round + 1}", Bench.Text(r.P50Ms, 1), Bench.Text(r.P99Ms, 0), Bench.Text(r.LongestStallS, 2), Bench.Text(r.AllGoOnS, 2), r.ExitS is { } exit ? Bench.Text(exit, 2) : "",
                $"{r.Redelivered}", $"{r.Duplicates}");
        }

        Bench.Write(table);
    }
}
