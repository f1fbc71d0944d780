using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using EmoStream.Inference.Scoring;
using EmoStream.ServiceDefaults;
using EmoStream.Silo.Hosting;
using EmoStream.Testing.Inference;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace EmoStream.Testing.Cluster;

/// <summary>
/// The real silo, for programs of <c>tests/</c> that start it as a process of their own: with the null scorer where one is
/// asked for, and with two endpoints that a production silo does not have.
/// <code>
/// POST /test/scorer?delayMs=50      every batch of the null scorer takes so long
/// GET  /test/counters               {"emostream.kafka.events.redelivered":3,...}: all counters of EmoStream since the start
/// </code>
/// </summary>
public static class TestSilo
{
    /// <summary>Runs until the process is asked to stop.</summary>
    /// <param name="nullScore">Whether the null scorer replaces the model.</param>
    /// <param name="settings">Configuration that comes before the environment's; null: the environment alone.</param>
    public static async Task RunAsync(bool nullScore, Dictionary<string, string?>? settings = null)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Configuration.AddInMemoryCollection(settings);
        var scorer = new NullScorer();
        if (nullScore) builder.Services.AddSingleton<IScorer>(scorer);
        builder.AddSilo();
        await using var app = builder.Build();
        using var counters = new Counters();
        app.MapDefaultEndpoints();
        app.MapPost("/test/scorer", (int delayMs) => scorer.DelayMs = delayMs);
        app.MapGet("/test/counters", () => Results.Json(counters.Read()));
        await app.RunAsync();
    }

    /// <summary>Sums of all counters of the meters <c>EmoStream.*</c>.</summary>
    private sealed class Counters : IDisposable
    {
        private readonly ConcurrentDictionary<string, long> _sums = new();
        private readonly MeterListener _listener = new();

        public Counters()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name.StartsWith("EmoStream.", StringComparison.Ordinal) && instrument is Counter<long>) listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            {
                var name = instrument.Name;
                foreach (var tag in tags)
                {
                    // Events that a conversation had taken before are counted by themselves.
                    if (tag is { Key: "emostream.event.duplicate", Value: true }) name += ".duplicate";
                }

                _sums.AddOrUpdate(name, value, (_, sum) => sum + value);
            });
            _listener.Start();
        }

        public SortedDictionary<string, long> Read() => new(_sums, StringComparer.Ordinal);

        public void Dispose() => _listener.Dispose();
    }
}
