using System.CommandLine;
using EmoStream.Benchmarks.Load;
using EmoStream.Benchmarks.Timeline;

var timeline = new Command("timeline", "Commits per second on redis-server and Garnet, beside plain pipelined commands.");
timeline.SetAction(_ => TimelineBenchmark.RunAsync());

// `load` starts the systems under test as processes of this same program: `silo` and `bare`.
var root = new RootCommand("EmoStream's benchmarks: always beside a baseline in the same run.")
{
    LoadCommand.Create(),
    timeline,
    SiloRole.Create(),
    BareRole.Create(),
};
return await root.Parse(args).InvokeAsync();
