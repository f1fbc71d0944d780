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

    /// <summary>Sums of all counters of the meters <c>EmoStream.*</c>; adding one costs next to nothing, because loads are measured with it.</summary>
    private sealed class Counters : IDisposable
    {
        private readonly ConcurrentBag<Sum> _sums = [];
        private readonly MeterListener _listener = new();

        public Counters()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument is Counter<long> && instrument.Meter.Name.StartsWith("EmoStream.", StringComparison.Ordinal))
                {
                    var sum = new Sum(instrument.Name);
                    _sums.Add(sum);
                    listener.EnableMeasurementEvents(instrument, sum);
                }
            };
            _listener.SetMeasurementEventCallback<long>(static (_, value, tags, state) => ((Sum)state!).Add(value, tags));
            _listener.Start();
        }

        public SortedDictionary<string, long> Read()
        {
            var read = new SortedDictionary<string, long>(StringComparer.Ordinal);
            foreach (var sum in _sums)
            {
                if (sum.Once > 0) read[sum.Name] = read.GetValueOrDefault(sum.Name) + sum.Once;
                if (sum.Again > 0) read[$"{sum.Name}.duplicate"] = read.GetValueOrDefault($"{sum.Name}.duplicate") + sum.Again;
            }

            return read;
        }

        public void Dispose() => _listener.Dispose();
    }

    /// <summary>Of one counter; events that a conversation had taken before are counted by themselves.</summary>
    private sealed class Sum(string name)
    {
        private long _once;
        private long _again;

        public string Name => name;

        public long Once => Interlocked.Read(ref _once);

        public long Again => Interlocked.Read(ref _again);

        public void Add(long value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            foreach (var tag in tags)
            {
                if (tag is not { Key: "emostream.event.duplicate", Value: true }) continue;
                Interlocked.Add(ref _again, value);
                return;
            }

            Interlocked.Add(ref _once, value);
        }
    }
}
