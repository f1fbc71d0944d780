using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>
/// The value of one of the provider's counters (or gauges, see <see cref="Observe"/>), for one host: other tests run in the
/// same process. With a kind only what is tagged with it counts; another probe may listen to the same host.
/// </summary>
public sealed class CounterProbe(string name, string? kind = null, CounterProbe? and = null) : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly Lock _lock = new();
    private readonly List<(long Value, TaskCompletionSource Met)> _waits = [];
    private long _value;

    public long Value => Interlocked.Read(ref _value);

    public void Listen(IServiceProvider services)
    {
        and?.Listen(services);
        var factory = services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == name && ReferenceEquals(instrument.Meter.Scope, factory))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, measurement, tags, _) =>
        {
            if (kind is null || tags.Contains(new("kind", kind)))
            {
                Add(measurement);
            }
        });
        _listener.Start();
    }

    /// <summary>A gauge's value now, over all partitions.</summary>
    public long Observe()
    {
        Interlocked.Exchange(ref _value, 0);
        _listener.RecordObservableInstruments();
        return Value;
    }

    public async Task AtLeast(long value)
    {
        var met = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            _waits.Add((value, met));
        }
        Add(0);
        await met.Task.WaitAsync(EmoStream.Testing.Eventually.Timeout, TestContext.Current.CancellationToken);
    }

    private void Add(long measurement)
    {
        lock (_lock)
        {
            Interlocked.Add(ref _value, measurement);
            foreach (var (value, met) in _waits)
            {
                if (_value >= value)
                {
                    met.TrySetResult();
                }
            }
        }
    }

    public void Dispose() => _listener.Dispose();
}
