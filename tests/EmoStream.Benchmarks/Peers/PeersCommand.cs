using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using EmoStream.Testing;
using EmoStream.Testing.Processes;
using Spectre.Console;

namespace EmoStream.Benchmarks.Peers;

/// <summary>
/// EmoStream beside Kafka Streams and a bare loop, as <c>../shared/peers</c> measures them: every run from scratch, the systems
/// in turn, every entry checked. One JSON line a run on standard output, then the table on standard error.
/// </summary>
internal static class PeersCommand
{
    private const string EmoStream = "emostream-peer";
    private const string Reference = "Streams";

    public static Command Create()
    {
        var home = new Option<string>("--home") { Description = "Directory of the peers.", DefaultValueFactory = _ => Checkout.Shared("peers") ?? "" };
        var peers = new Option<string[]>("--peer") { Description = "Which take part.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [EmoStream, Reference, "Bare"] };
        peers.AcceptOnlyFromAmong(EmoStream, Reference, "Bare");
        var utterances = new Option<int>("--utterances") { Description = "Utterances per run.", DefaultValueFactory = _ => 400_000 };
        var conversations = new Option<int>("--conversations") { Description = "Conversations they are spread over.", DefaultValueFactory = _ => 2_000 };
        var rate = new Option<int>("--rate") { Description = "Utterances per second; 0: as fast as possible.", DefaultValueFactory = _ => 0 };
        var rounds = new Option<int>("--rounds") { Description = "Runs of each system, interleaved.", DefaultValueFactory = _ => 3 };
        var kill = new Option<int>("--kill") { Description = "kill -9 so many seconds after the load starts, and start again; 0: never.", DefaultValueFactory = _ => 0 };
        var profile = new Option<string?>("--profile") { Description = "File for samples of EmoStream's last run; read it with `profile`." };
        var command = new Command("peers", "Beside Kafka Streams and a bare loop (../shared/peers). Build with -c Release.")
        {
            home, peers, utterances, conversations, rate, rounds, kill, profile,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var directory = parsed.GetValue(home)!;
            if (!File.Exists(Path.Combine(directory, "run.sh")) || Programs.Find("javac") is null)
            {
                await Console.Error.WriteLineAsync("peers needs ../shared/peers (or --home) and a JDK of Java 17.");
                return 1;
            }

            var scratch = Directory.CreateTempSubdirectory("emostream-peers-");
            try
            {
                var run = new PeerRun(directory, scratch.FullName, parsed.GetValue(utterances), parsed.GetValue(conversations), parsed.GetValue(rate), parsed.GetValue(kill), parsed.GetValue(profile));
                await run.CompileLayoutAsync(cancellationToken);
                var results = await RunAsync(run, parsed.GetValue(peers)!, parsed.GetValue(rounds), cancellationToken);
                Report(results);
                return results.TrueForAll(r => r.IsCorrect) ? 0 : 1;
            }
            finally
            {
                scratch.Delete(recursive: true);
            }
        });
        return command;
    }

    private static async Task<List<PeerResult>> RunAsync(PeerRun run, string[] peers, int rounds, CancellationToken cancellationToken)
    {
        var results = new List<PeerResult>();
        for (var i = 0; i < rounds * peers.Length; i++)
        {
            // The order rotates: no system always runs first, or always behind the same other.
            var round = i / peers.Length;
            var result = await run.RunAsync(peers[(i + round) % peers.Length], round, cancellationToken);
            results.Add(result);
            await Console.Out.WriteLineAsync(result.Json);
        }

        return results;
    }

    private static void Report(List<PeerResult> results)
    {
        var table = new Table().AddColumns("peer", "round", "utterances/s", "of Streams", "CPU s: peer, Redis, Kafka", "p50, p99 ms", "lost, doubled, reordered, wrong, extra");
        var reference = results.Where(r => r.Peer == Reference).ToDictionary(r => r.Round, r => r["perSec"]);
        foreach (var r in results.OrderBy(r => r.Peer).ThenBy(r => r.Round))
        {
            table.AddRow(
                r.Peer, F(r.Round + 1, 0), F(r["perSec"], 0), reference.TryGetValue(r.Round, out var base_) ? F(r["perSec"] / base_, 2) : "",
                $"{F(r["peerCpuS"], 1)}, {F(r["redisCpuS"], 1)}, {F(r["kafkaCpuS"], 1)}", $"{F(r["p50Ms"], 1)}, {F(r["p99Ms"], 0)}",
                string.Join(", ", PeerResult.Faults.Select(f => F(r[f], 0))) + (r.IsCorrect ? "" : " NOT CORRECT"));
        }

        AnsiConsole.Create(new() { Out = new AnsiConsoleOutput(Console.Error) }).Write(table);

        static string F(double value, int digits) => value.ToString($"F{digits}", CultureInfo.InvariantCulture);
    }
}

/// <summary>How to run one peer once.</summary>
internal sealed class PeerRun(string home, string scratch, int utterances, int conversations, int rate, int kill, string? profile)
{
    private static readonly string Here = Checkout.At("tests", "EmoStream.Benchmarks", "Peers");

    /// <summary>Makes our layout known to the verifier.</summary>
    public async Task CompileLayoutAsync(CancellationToken cancellationToken)
    {
        using var javac = Process.Start(Programs.Find("javac")!, ["-cp", Path.Combine(home, "peers.jar"), "-d", scratch, Path.Combine(Here, "EmoStreamLayout.java")]);
        await javac.WaitForExitAsync(cancellationToken);
        if (javac.ExitCode != 0) throw new InvalidOperationException("EmoStreamLayout.java does not compile.");
    }

    /// <summary>Starts Kafka, Redis and the peer from scratch, runs the load, checks every entry, stops everything.</summary>
    public async Task<PeerResult> RunAsync(string peer, int round, CancellationToken cancellationToken)
    {
        var isOurs = !peer.StartsWith(char.ToUpperInvariant(peer[0])); // the peers of the jar are classes
        var directory = Directory.CreateDirectory(Path.Combine(scratch, "run"));
        string[] layout = isOurs ? ["layout=emostream.EmoStreamLayout"] : [];
        // As the peers' README has it for latency: with every twentieth utterance as a probe, the slowest percent of ten seconds would be two.
        string[] sample = rate > 0 ? ["sample=5"] : [];
        var start = new ProcessStartInfo(
            Path.Combine(home, "run.sh"),
            // Latency is asked for in the same way of all: by polling.
            [isOurs ? Path.Combine(Here, peer) : peer, F(utterances), F(conversations), F(rate), "probe=poll", .. sample, .. layout])
        {
            RedirectStandardOutput = true,
        };
        start.Environment["DIR"] = directory.FullName;
        start.Environment["JAR"] = $"{Path.Combine(home, "peers.jar")}:{scratch}";
        start.Environment["KAFKA_PORT"] = F(FreePorts.Take(2));
        start.Environment["REDIS_PORT"] = F(FreePorts.Take());
        start.Environment["EMOSTREAM_BENCHMARKS"] = typeof(PeerRun).Assembly.Location;
        if (kill > 0) start.Environment["KILL"] = F(kill);
        if (isOurs && profile is not null)
        {
            start.Environment["DOTNET_EnableEventPipe"] = "1";
            start.Environment["DOTNET_EventPipeOutputPath"] = Path.GetFullPath(profile);
            start.Environment["DOTNET_EventPipeConfig"] = "Microsoft-DotNETCore-SampleProfiler:0:5,Microsoft-Windows-DotNETRuntime:4c14fccbd:5";
        }

        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        directory.Delete(recursive: true);
        return output.Length > 0 ? new(peer, round, output.Trim(), process.ExitCode == 0) : throw new InvalidOperationException($"{peer} gave no result.");
    }

    private static string F(int value) => value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>What one run gave; numbers by the names of the peers' README, 0 where one is missing.</summary>
internal sealed record PeerResult(string Peer, int Round, string Json, bool IsCorrect)
{
    public static readonly string[] Faults = ["lost", "doubled", "reordered", "wrong", "extra"];

    private readonly JsonElement _values = JsonElement.Parse(Json);

    public double this[string name] => _values.TryGetProperty(name, out var value) ? value.GetDouble() : 0;
}
