using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>Every instrument of one host's provider: gauges by their sum over the partitions, histograms by their count.</summary>
public sealed class MeterProbe : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, double> _sums = new();
    private readonly ConcurrentDictionary<string, int> _counts = new();
    private readonly ConcurrentDictionary<string, string[]> _tags = new();

    /// <summary>From now on, also to instruments that are there already.</summary>
    public MeterProbe(IServiceProvider services)
    {
        var factory = services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter.Scope, factory))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.Start();
    }

    public double Observe(string gauge)
    {
        _sums[gauge] = 0;
        _listener.RecordObservableInstruments();
        return _sums[gauge];
    }

    public int CountOf(string instrument) => _counts.GetValueOrDefault(instrument);

    public string[] TagsOf(string instrument) => _tags.GetValueOrDefault(instrument) ?? [];

    public void Dispose() => _listener.Dispose();

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var names = new string[tags.Length];
        for (var i = 0; i < names.Length; i++)
        {
            names[i] = tags[i].Key;
        }
        _tags[instrument.Name] = names;
        _sums.AddOrUpdate(instrument.Name, value, (_, sum) => sum + value);
        _counts.AddOrUpdate(instrument.Name, 1, (_, count) => count + 1);
    }
}
