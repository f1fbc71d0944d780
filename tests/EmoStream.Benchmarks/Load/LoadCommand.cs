using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using EmoStream.Testing;
using EmoStream.Testing.Kafka;
using Spectre.Console;

namespace EmoStream.Benchmarks.Load;

/// <summary>End-to-end throughput, latency and memory of the silo beside the bare loop, on a real Kafka and redis-server.</summary>
internal static class LoadCommand
{
    private const string EmoStreamSystem = "emostream";

    public static Command Create()
    {
        var scorer = new Option<string>("--scorer") { Description = "null: the stream alone; model: the bundle.", DefaultValueFactory = _ => Roles.Null };
        scorer.AcceptOnlyFromAmong(Roles.Null, Roles.Model);
        var utterances = Bench.Positive("--utterances", "Utterances per run.", 100_000);
        var conversations = Bench.Positive("--conversations", "Conversations they are spread over.", 2_000);
        var rate = new Option<int>("--rate") { Description = "Utterances per second; 0: as fast as possible.", DefaultValueFactory = _ => 0 };
        var warm = Bench.Positive("--warm", "Utterances of as many other conversations first, at the same rate: no measure of a process that is still being compiled.", 20_000);
        var rounds = Bench.Positive("--rounds", "Runs of each system, interleaved.", 3);
        var seed = new Option<int>("--seed") { Description = "Seed of the workload.", DefaultValueFactory = _ => 1 };
        var bundle = new Option<string>("--bundle") { Description = "Bundle for --scorer model.", DefaultValueFactory = _ => Checkout.At("infra", "models", "meld") };
        var json = new Option<bool>("--json") { Description = "Results as JSON lines." };
        var command = new Command("load", "Throughput, latency and memory end to end, beside a bare loop in the same run. Build with -c Release.")
        {
            scorer, utterances, conversations, rate, warm, rounds, seed, bundle, json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (!await Bench.HasServersAsync("load")) return 1;
            var settings = new TrialSettings(
                "", parsed.GetValue(scorer)!, parsed.GetValue(bundle)!, parsed.GetValue(utterances), parsed.GetValue(conversations), parsed.GetValue(rate), parsed.GetValue(warm), parsed.GetValue(seed));
            var results = await RunAsync(settings, parsed.GetValue(rounds), parsed.GetValue(json), cancellationToken);
            if (!parsed.GetValue(json)) Report(settings, results);
            return results.Select(r => r.Digest).Distinct().Count() == 1 ? 0 : 1;
        });
        return command;
    }

    private static async Task<List<TrialResult>> RunAsync(TrialSettings settings, int rounds, bool json, CancellationToken cancellationToken)
    {
        await using var kafka = await KafkaBroker.StartAsync(cancellationToken: cancellationToken);
        await using var redis = await Bench.StartRedisAsync();
        var logs = Directory.CreateTempSubdirectory("emostream-load-");
        var results = new List<TrialResult>();
        for (var round = 0; round < rounds; round++)
        {
            // The order alternates: neither system always runs on the warmer machine.
            foreach (var system in round % 2 == 0 ? (string[])[EmoStreamSystem, BareRole.Name] : [BareRole.Name, EmoStreamSystem])
            {
                var result = await new Trial(kafka, redis, settings with { System = system }, logs.FullName).RunAsync(cancellationToken);
                results.Add(result);
                var line = json ? JsonSerializer.Serialize(result) : string.Create(CultureInfo.InvariantCulture, $"round {round + 1}: {system} {result.PerSecond:F0}/s, p99 {result.P99Ms:F1} ms");
                await (json ? Console.Out : Console.Error).WriteLineAsync(line);
            }
        }

        logs.Delete(recursive: true);
        return results;
    }

    private static void Report(TrialSettings settings, List<TrialResult> results)
    {
        var table = new Table().AddColumns("system", "utterances/s", "p50 ms", "p99 ms", "max ms", "CPU s", "RSS MB", "KB per conversation");
        foreach (var r in results)
        {
            table.AddRow(r.System, F(r.PerSecond, 0), F(r.P50Ms, 1), F(r.P99Ms, 1), F(r.MaxMs, 1), F(r.CpuSeconds, 1), F(r.RssAfterMb, 0), F((r.RssAfterMb - r.RssBeforeMb) * 1024 / settings.Conversations, 1));
        }

        AnsiConsole.Write(table);
        Console.WriteLine($"{settings.Utterances} utterances, {settings.Conversations} conversations, scorer {settings.Scorer}, rate {(settings.Rate == 0 ? "max" : F(settings.Rate, 0) + "/s")}, warmed with {settings.Warm}");
        Console.WriteLine($"EmoStream to bare loop, medians: throughput {F(Median(r => r.PerSecond), 2)}, p50 {F(Median(r => r.P50Ms), 2)}, p99 {F(Median(r => r.P99Ms), 2)}, CPU {F(Median(r => r.CpuSeconds), 2)}");
        Console.WriteLine(results.Select(r => r.Digest).Distinct().Count() == 1
            ? "Every run gave the same timelines: all utterances once, in order, with the same labels."
            : "THE RUNS DIFFER: " + string.Join(", ", results.Select(r => $"{r.System} {r.Digest}")));

        double Median(Func<TrialResult, double> value) => Of(EmoStreamSystem, value) / Of(BareRole.Name, value);
        double Of(string system, Func<TrialResult, double> value)
        {
            var sorted = results.Where(r => r.System == system).Select(value).Order().ToArray();
            return sorted[sorted.Length / 2];
        }

        static string F(double value, int digits) => value.ToString($"F{digits}", CultureInfo.InvariantCulture);
    }
}
