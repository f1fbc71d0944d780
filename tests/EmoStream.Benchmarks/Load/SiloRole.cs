using System.CommandLine;
using EmoStream.Inference.Scoring;
using EmoStream.ServiceDefaults;
using EmoStream.Silo.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace EmoStream.Benchmarks.Load;

/// <summary>The real silo in a process of its own, with the null scorer where one is asked for.</summary>
internal static class SiloRole
{
    public const string Name = "silo";

    public static Command Create()
    {
        var command = new Command(Name, "The silo under test; started by `load`.") { Hidden = true };
        command.SetAction((_, _) => RunAsync(Environment.GetEnvironmentVariable(Roles.Scorer) == Roles.Null));
        return command;
    }

    /// <summary>Runs the silo until the process is asked to stop.</summary>
    /// <param name="nullScore">Whether the null scorer replaces the model.</param>
    /// <param name="settings">Configuration that comes before the environment's; null: the environment alone.</param>
    public static async Task RunAsync(bool nullScore, Dictionary<string, string?>? settings = null)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Configuration.AddInMemoryCollection(settings);
        if (nullScore) builder.Services.AddSingleton<IScorer, NullScorer>();
        builder.AddSilo();
        await using var app = builder.Build();
        app.MapDefaultEndpoints();
        await app.RunAsync();
    }
}

/// <summary>What `load` tells the processes it starts, beside the environment names that a silo reads anyway.</summary>
internal static class Roles
{
    public const string Scorer = "LOAD_SCORER";
    public const string Null = "null";
    public const string Model = "model";
}
