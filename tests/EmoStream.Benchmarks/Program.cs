using System.CommandLine;
using EmoStream.Benchmarks.Cold;
using EmoStream.Benchmarks.Inference;
using EmoStream.Benchmarks.Load;
using EmoStream.Benchmarks.Peers;
using EmoStream.Benchmarks.Poison;
using EmoStream.Benchmarks.Takeover;
using EmoStream.Benchmarks.Timeline;

var timeline = new Command("timeline", "Commits per second on redis-server and Garnet, beside plain pipelined commands.");
timeline.SetAction(_ => TimelineBenchmark.RunAsync());

var bundle = new Argument<string>("bundle") { Description = "Bundle directory." };
var file = new Argument<string>("file") { Description = "Utterances as JSON Lines." };
var threads = new Option<int>("--threads") { Description = "Threads of the model.", DefaultValueFactory = _ => 1 };
var inference = new Command("inference", "Milliseconds and bytes per scored utterance, one by one and in batches.") { bundle, file, threads };
inference.SetAction(parsed => ScoringBenchmark.Run(parsed.GetValue(bundle)!, parsed.GetValue(file)!, parsed.GetValue(threads)));

// `load`, `peers`, `takeover` and `poison` start the systems under test as processes of this same program: `silo`, `bare`, `peer`.
var root = new RootCommand("EmoStream's benchmarks: always beside a baseline in the same run.")
{
    LoadCommand.Create(),
    PeersCommand.Create(),
    ProfileCommand.Create(),
    ColdCommand.Create(),
    TakeoverCommand.Create(),
    PoisonCommand.Create(),
    timeline,
    inference,
    SiloRole.Create(),
    BareRole.Create(),
    PeerRole.Create(),
};
var parsed = root.Parse(args);
// The silo's host hears SIGTERM itself. System.CommandLine would hold the signal back from it for two seconds, then end the process.
var isSilo = parsed.CommandResult.Command.Name is SiloRole.Name or PeerRole.Name;
var status = await parsed.InvokeAsync(isSilo ? new() { ProcessTerminationTimeout = null } : new());
// As everywhere: 1 says that what was measured is not as it should be.
return parsed.Errors.Count > 0 ? 2 : status;
