using EmoStream.ChaosTests.Rounds;
using EmoStream.Testing.Cluster;
using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

namespace EmoStream.ChaosTests;

/// <summary>
/// Three programs in one: the tests, as every test project is one; rounds of faults for as long as somebody wants
/// (<c>--rounds N --seed S</c>); and the silo that both of them kill.
/// </summary>
internal static class Program
{
    /// <summary>How the silo is called.</summary>
    public static string[] SiloCommand { get; } = [typeof(Program).Assembly.Location, "silo"];

    private static async Task<int> Main(string[] args)
    {
        switch (args)
        {
            case ["silo"]:
                await TestSilo.RunAsync(nullScore: true);
                return 0;
            // As xunit's own entry point has it.
            case var _ when args.Any(a => a is "--server" or "--internal-msbuild-node"):
                return await TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions);
            // xunit's own options begin with one dash.
            case ["--help"]:
            case var _ when args.Any(a => RoundsCommand.Options.Contains(a.Split('=')[0])):
                return await RoundsCommand.InvokeAsync(args);
            default:
                return await ConsoleRunner.Run(args);
        }
    }
}
