using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace EmoStream.ChaosTests.Rounds;

/// <summary>
/// <c>--rounds N --seed S</c>: rounds of faults, one JSON line each on standard output, then a table on standard error. Exit
/// status 0 when no timeline was anything but whole, 1 otherwise, 2 for a wrong call and where there is no Kafka or Redis to
/// break, 130 after Ctrl+C.
/// </summary>
internal static class RoundsCommand
{
    /// <summary>Then everything is started anew: a world's conversations are all looked at in each of its rounds.</summary>
    private const int RoundsPerWorld = 20;

    private const int MostRounds = 1_000_000;

    /// <summary>Nothing is wrong with a round that took longer, but somebody should read why.</summary>
    private static readonly TimeSpan Slow = TimeSpan.FromSeconds(15);

    /// <summary>What the program is called with that means this command.</summary>
    public static string[] Options { get; } = ["--rounds", "--seed", "--first", "--plan"];

    public static async Task<int> InvokeAsync(string[] args)
    {
        var parsed = Create().Parse(args);
        var status = await parsed.InvokeAsync();
        return parsed.Errors.Count > 0 ? 2 : status;
    }

    private static RootCommand Create()
    {
        var rounds = new Option<int>("--rounds") { Description = "How many.", DefaultValueFactory = _ => 200 };
        var seed = new Option<int>("--seed") { Description = "What happens in which round follows from it.", DefaultValueFactory = _ => 1 };
        var first = new Option<int>("--first") { Description = "Number of the first round, to run one of a seed again.", DefaultValueFactory = _ => 1 };
        var plan = new Option<bool>("--plan") { Description = "Only say what would happen." };
        foreach (var positive in (Option<int>[])[rounds, first])
        {
            positive.Validators.Add(result =>
            {
                if (!int.TryParse(result.Tokens.SingleOrDefault()?.Value ?? "1", CultureInfo.InvariantCulture, out var value) || value is < 1 or > MostRounds)
                {
                    result.AddError($"{positive.Name} must be a number from 1 to {MostRounds}.");
                }
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

        var (results, failures, started) = (new List<RoundResult>(), 0, Stopwatch.GetTimestamp());
        try
        {
            for (var number = first; number < first + rounds;)
            {
                await using var world = await World.StartAsync(seed, cancellationToken);
                for (var i = 0; i < RoundsPerWorld && number < first + rounds; i++)
                {
                    world.IsBroken = true;
                    await RunAsync(world, Schedule.Of(seed, number++), started, results, cancellationToken);
                    if (world.IsBroken) break; // what is broken stays broken: the next rounds need a new world
                }

                if (!world.IsBroken && await world.EndAsync(cancellationToken) is { } complaint)
                {
                    await Console.Error.WriteLineAsync($"the world of round {number - 1}: {complaint}");
                    world.IsBroken = true;
                }

                if (world.IsBroken) failures++;
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("interrupted");
            return 130;
        }
        finally
        {
            Summarise(results, failures);
        }

        return failures == 0 ? 0 : 1;
    }

    private static async Task RunAsync(World world, Schedule schedule, long started, List<RoundResult> results, CancellationToken cancellationToken)
    {
        await Console.Error.WriteLineAsync($"round {schedule.Number}, {Stopwatch.GetElapsedTime(started):hh\\:mm\\:ss}: {schedule}");
        try
        {
            var result = await Round.RunAsync(world, schedule, cancellationToken);
            results.Add(result);
            await Console.Out.WriteLineAsync(Json(result));
            world.IsBroken = !result.Report.IsClean;
            if (result.Recovery > Slow) await Console.Error.WriteLineAsync($"round {schedule.Number} was whole only after {result.Recovery.TotalSeconds:F1} s\n{world.Tail()}");
            if (!world.IsBroken) await world.HealAsync();
            else await Console.Error.WriteLineAsync($"round {schedule.Number}: {result.Report}\n{world.Tail()}");
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            world.IsBroken = true;
            await Console.Error.WriteLineAsync($"round {schedule.Number} did not come to its end: {e}\n{world.Tail()}");
        }
    }

    private static string Json(RoundResult result) => JsonSerializer.Serialize(new
    {
        round = result.Schedule.Number,
        faults = result.Schedule.Faults.Select(f => f.Fault.ToString()),
        sent = result.Sent,
        disturbedS = Math.Round(result.Disturbed.TotalSeconds, 2),
        recoveryS = Math.Round(result.Recovery.TotalSeconds, 2),
        lost = result.Report.Lost.Count,
        doubled = result.Report.Doubled.Count,
        reordered = result.Report.Reordered.Count,
        wrong = result.Report.Wrong.Count,
        extra = result.Report.Extra.Count,
    });

    private static void Summarise(List<RoundResult> results, int failures)
    {
        var table = new Table().AddColumns("fault", "times", "longest from the strike until whole, alone", "longest from the repair until whole, alone", "the same, with others");
        foreach (var kind in results.SelectMany(r => r.Schedule.Faults.Select(f => (f.Fault.Kind, Result: r))).GroupBy(f => f.Kind, f => f.Result).OrderBy(k => k.Key, StringComparer.Ordinal))
        {
            var (alone, others) = (kind.Where(r => r.Schedule.Faults.Count == 1), kind.Where(r => r.Schedule.Faults.Count > 1));
            table.AddRow(kind.Key, $"{kind.Count()}", Longest(alone.Select(r => r.Disturbed)), Longest(alone.Select(r => r.Recovery)), Longest(others.Select(r => r.Recovery)));
        }

        AnsiConsole.Create(new() { Out = new AnsiConsoleOutput(Console.Error) }).Write(table);
        Console.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{results.Count} rounds, {results.Sum(r => r.Schedule.Faults.Count)} faults, {results.Sum(r => r.Sent)} events: lost {results.Sum(r => r.Report.Lost.Count)}, doubled {results.Sum(r => r.Report.Doubled.Count)}, reordered {results.Sum(r => r.Report.Reordered.Count)}, wrong {results.Sum(r => r.Report.Wrong.Count)}, extra {results.Sum(r => r.Report.Extra.Count)}; worlds given up: {failures}"));

        static string Longest(IEnumerable<TimeSpan> times) =>
            times.DefaultIfEmpty().Max() is var longest && longest > TimeSpan.Zero ? string.Create(CultureInfo.InvariantCulture, $"{longest.TotalSeconds:F1} s") : "";
    }
}
