using System.CommandLine;
using EmoStream.Testing.Cluster;

namespace EmoStream.Benchmarks.Load;

/// <summary>The real silo in a process of its own, with the null scorer where one is asked for.</summary>
internal static class SiloRole
{
    public const string Name = "silo";

    public static Command Create()
    {
        var command = new Command(Name, "The silo under test; started by `load`, `takeover` and `poison`.") { Hidden = true };
        command.SetAction((_, _) => TestSilo.RunAsync(Environment.GetEnvironmentVariable(Roles.Scorer) == Roles.Null));
        return command;
    }
}

/// <summary>What `load` tells the processes it starts, beside the environment names that a silo reads anyway.</summary>
internal static class Roles
{
    public const string Scorer = "LOAD_SCORER";
    public const string Null = "null";
    public const string Model = "model";
}
