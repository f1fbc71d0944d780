using System.CommandLine;
using System.Text.Json;
using EmoStream.Benchmarks.Load;
using EmoStream.Testing.Kafka;
using Spectre.Console;

namespace EmoStream.Benchmarks.Poison;

/// <summary>
/// What one poisoned conversation costs the others of its partition: the same load without and with it, in turn. One JSON
/// line a run on standard output, then the table on standard error.
/// </summary>
internal static class PoisonCommand
{
    public static Command Create()
    {
        var rounds = Bench.Positive("--rounds", "Runs without and with the poison, interleaved.", 3);
        var conversations = Bench.Positive("--conversations", "Conversations in the partition, the poisoned one among them.", 1_000);
        var rate = Bench.Positive("--rate", "Utterances per second over all of them.", 300);
        var warm = Bench.Positive("--warm", "Seconds of load before anything is measured.", 15);
        var seconds = Bench.Positive("--seconds", "Seconds that are measured; the poison is given up after about 37.", 50);
        var seed = new Option<int>("--seed") { Description = "Seed of the workload.", DefaultValueFactory = _ => 1 };
        var command = new Command("poison", "What one poisoned conversation adds to the latency of the others in its partition. Build with -c Release.")
        {
            rounds, conversations, rate, warm, seconds, seed,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (!await Bench.HasServersAsync("poison")) return 1;
            var settings = new PoisonSettings(
                parsed.GetValue(conversations), parsed.GetValue(rate), parsed.GetValue(warm), parsed.GetValue(seconds), parsed.GetValue(seed));
            Report(await RunAsync(settings, parsed.GetValue(rounds), cancellationToken));
            return 0;
        });
        return command;
    }

    private static async Task<List<PoisonResult>> RunAsync(PoisonSettings settings, int rounds, CancellationToken cancellationToken)
    {
        await using var kafka = await KafkaBroker.StartAsync(cancellationToken: cancellationToken);
        await using var redis = await Bench.StartRedisAsync();
        var results = new List<PoisonResult>();
        for (var round = 0; round < rounds; round++)
        {
            // The order alternates: neither always runs on the warmer machine. The load of a round is the same for both.
            foreach (var poisoned in round % 2 == 0 ? (bool[])[false, true] : [true, false])
            {
                await Console.Error.WriteLineAsync($"round {round + 1} of {rounds}: {(poisoned ? "with" : "without")} poison, {settings.Warm + settings.Seconds} s of load");
                await using var bench = await Bench.StartAsync(kafka, redis, partitions: 1, silos: 1);
                var result = await new PoisonRun(bench, settings).RunAsync(poisoned, round, cancellationToken);
                results.Add(result);
                await Console.Out.WriteLineAsync(JsonSerializer.Serialize(result));
            }
        }

        return results;
    }

    private static void Report(List<PoisonResult> results)
    {
        var table = new Table().AddColumns("poison", "round", "p50 ms", "p99 ms", "max ms", "attempts", "dead letters");
        foreach (var r in results.OrderBy(r => r.Poisoned).ThenBy(r => r.Round))
        {
            table.AddRow(r.Poisoned ? "with" : "without", $"{r.Round + 1}", Bench.Text(r.P50Ms, 1), Bench.Text(r.P99Ms, 1), Bench.Text(r.MaxMs, 0), $"{r.Retried}", $"{r.DeadLettered}");
        }

        Bench.Write(table);
        Compare("p50", r => r.P50Ms);
        Compare("p99", r => r.P99Ms);
        Compare("max", r => r.MaxMs);

        void Compare(string name, Func<PoisonResult, double> value)
        {
            double[] without = [.. results.Where(r => !r.Poisoned).Select(value).Order()];
            double[] with = [.. results.Where(r => r.Poisoned).Select(value).Order()];
            Console.Error.WriteLine(
                $"{name} ms, medians: {Bench.Text(Bench.Median(with), 1)} with, {Bench.Text(Bench.Median(without), 1)} without, ratio {Bench.Text(Bench.Median(with) / Bench.Median(without), 2)}; runs without spread over {Bench.Text(without[0], 1)} to {Bench.Text(without[^1], 1)}, with over {Bench.Text(with[0], 1)} to {Bench.Text(with[^1], 1)}");
        }
    }
}
