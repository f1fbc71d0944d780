using System.CommandLine;
using EmoStream.Benchmarks.Load;

// `load` starts the systems under test as processes of this same program: `silo` and `bare`.
var root = new RootCommand("EmoStream's benchmarks: always beside a baseline in the same run.")
{
    LoadCommand.Create(),
    SiloRole.Create(),
    BareRole.Create(),
};
return await root.Parse(args).InvokeAsync();
