using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace EmoStream.ChaosTests.Rounds;

/// <summary>
/// <c>--rounds N --seed S</c>: rounds of faults, one JSON line each on standard output, then a table on standard error. Exit
/// status 0 when no timeline was anything but whole, 1 otherwise, 2 where there is no Kafka or Redis to break.
/// </summary>
internal static class RoundsCommand
{
    /// <summary>Then everything is started anew: a world's conversations are all looked at in each of its rounds.</summary>
    private const int RoundsPerWorld = 20;

    public static Command Create()
    {
        var rounds = new Option<int>("--rounds") { Description = "How many.", DefaultValueFactory = _ => 200 };
        var seed = new Option<int>("--seed") { Description = "What happens in which round follows from it.", DefaultValueFactory = _ => 1 };
        var first = new Option<int>("--first") { Description = "Number of the first round, to run one of a seed again.", DefaultValueFactory = _ => 1 };
        var plan = new Option<bool>("--plan") { Description = "Only say what would happen." };
        foreach (var positive in (Option<int>[])[rounds, first])
        {
            positive.Validators.Add(result =>
            {
                if (result.GetValueOrDefault<int>() < 1) result.AddError($"{positive.Name} must be at least 1.");
            });
        }

        var command = new RootCommand("Rounds of faults in a real cluster: what was sent against what is on the timelines.") { rounds, seed, first, plan };
        command.SetAction((parsed, cancellationToken) => parsed.GetValue(plan)
            ? PlanAsync(parsed.GetValue(seed), parsed.GetValue(first), parsed.GetValue(rounds))
            : RunAsync(parsed.GetValue(seed), parsed.GetValue(first), parsed.GetValue(rounds), cancellationToken));
        return command;
    }

    private static async Task<int> PlanAsync(int seed, int first, int rounds)
    {
        for (var number = first; number < first + rounds; number++) await Console.Out.WriteLineAsync($"round {number}: {Schedule.Of(seed, number)}");
        return 0;
    }

    private static async Task<int> RunAsync(int seed, int first, int rounds, CancellationToken cancellationToken)
    {
        if (World.Unavailable is { } missing)
        {
            await Console.Error.WriteLineAsync($"rounds: {missing}");
            return 2;
        }

        var (results, started, whole) = (new List<RoundResult>(), Stopwatch.GetTimestamp(), true);
        for (var number = first; number < first + rounds;)
        {
            await using var world = await World.StartAsync(unchecked((seed * 31) + number), cancellationToken);
            for (var i = 0; i < RoundsPerWorld && number < first + rounds; i++, number++)
            {
                var schedule = Schedule.Of(seed, number);
                await Console.Error.WriteLineAsync($"round {number}, {Stopwatch.GetElapsedTime(started):hh\\:mm\\:ss}: {schedule}");
                var result = await Round.RunAsync(world, schedule, cancellationToken);
                results.Add(result);
                await Console.Out.WriteLineAsync(Json(seed, result));
                if (!result.Report.IsClean)
                {
                    await Console.Error.WriteLineAsync($"round {number} of seed {seed}: {result.Report}\n{world.Tail()}");
                    number++;
                    break; // what is broken stays broken: the next rounds need a new world
                }

                await world.HealAsync();
            }

            if (await world.EndAsync(cancellationToken) is { } complaint)
            {
                await Console.Error.WriteLineAsync($"The world of round {number - 1}: {complaint}");
                whole = false;
            }
        }

        Summarise(results);
        return whole && results.TrueForAll(r => r.Report.IsClean) ? 0 : 1;
    }

    private static string Json(int seed, RoundResult result) => JsonSerializer.Serialize(new
    {
        seed,
        round = result.Schedule.Number,
        faults = result.Schedule.Faults.Select(f => f.Fault.ToString()),
        sent = result.Sent,
        recoveryS = Math.Round(result.Recovery.TotalSeconds, 2),
        lost = result.Report.Lost.Count,
        doubled = result.Report.Doubled.Count,
        reordered = result.Report.Reordered.Count,
        wrong = result.Report.Wrong.Count,
        extra = result.Report.Extra.Count,
    });

    private static void Summarise(List<RoundResult> results)
    {
        var table = new Table().AddColumns("fault", "times", "longest recovery, alone", "longest recovery, with others");
        foreach (var kind in results.SelectMany(r => r.Schedule.Faults.Select(f => (f.Fault.Kind, Result: r))).GroupBy(f => f.Kind, f => f.Result).OrderBy(k => k.Key, StringComparer.Ordinal))
        {
            table.AddRow(kind.Key, $"{kind.Count()}", Longest(kind.Where(r => r.Schedule.Faults.Count == 1)), Longest(kind.Where(r => r.Schedule.Faults.Count > 1)));
        }

        AnsiConsole.Create(new() { Out = new AnsiConsoleOutput(Console.Error) }).Write(table);
        Console.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{results.Count} rounds, {results.Sum(r => r.Schedule.Faults.Count)} faults, {results.Sum(r => r.Sent)} events: lost {results.Sum(r => r.Report.Lost.Count)}, doubled {results.Sum(r => r.Report.Doubled.Count)}, reordered {results.Sum(r => r.Report.Reordered.Count)}, wrong {results.Sum(r => r.Report.Wrong.Count)}, extra {results.Sum(r => r.Report.Extra.Count)}"));

        static string Longest(IEnumerable<RoundResult> results) =>
            results.Select(r => r.Recovery).DefaultIfEmpty().Max() is var longest && longest > TimeSpan.Zero ? string.Create(CultureInfo.InvariantCulture, $"{longest.TotalSeconds:F1} s") : "";
    }
}
