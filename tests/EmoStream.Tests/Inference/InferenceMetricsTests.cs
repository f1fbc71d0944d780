using System.Diagnostics.Metrics;
using EmoStream.Inference;
using EmoStream.Inference.Batching;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Scoring;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace EmoStream.Tests.Inference;

public sealed class InferenceMetricsTests
{
    [Fact]
    public async Task ScoreAsync_AConversation_IsMeasuredWithoutSayingWhose()
    {
        using var meters = new Meters();
        using var metrics = new InferenceMetrics(meters);
        var options = Options.Create(TinyBundle.Options());
        using var scorer = new OnnxScorer(ModelBundle.Load(TinyBundle.Directory), options, metrics);
        await using (var batcher = new ScoreBatcher(scorer, options, TimeProvider.System, metrics, NullLogger<ScoreBatcher>.Instance))
        {
            await batcher.ScoreAsync(TinyBundle.Whole(TinyBundle.Rows()), TestContext.Current.CancellationToken);
        }

        Assert.Equal(7, meters.Sum("emostream.inference.scores"));
        Assert.Equal(TinyBundle.Expected.Rows.Sum(row => row.Text is { } text ? TinyBundle.Expected.Tokens[text].Length : 0), meters.Sum("emostream.inference.tokens"));
        Assert.Equal(1, meters.Sum("emostream.inference.batch.size"));
        Assert.All(["queue", "encode", "context"], name => Assert.InRange(meters.Sum($"emostream.inference.{name}.duration"), double.Epsilon, 60));
        Assert.Equal(["emostream.inference.execution_provider=cpu"], meters.Tags);
    }

    /// <summary>Hears only the meter that it made: other tests run beside this one.</summary>
    private sealed class Meters : IMeterFactory
    {
        private readonly MeterListener _listener = new();
        private readonly Dictionary<string, double> _sums = [];
        private Meter? _meter;

        public Meters()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (ReferenceEquals(instrument.Meter, _meter))
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Add(instrument, value, tags));
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
            _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
            _listener.Start();
        }

        public SortedSet<string> Tags { get; } = [];

        public Meter Create(MeterOptions options) => _meter = new(options);

        public double Sum(string instrument)
        {
            lock (_sums)
            {
                return _sums.GetValueOrDefault(instrument);
            }
        }

        public void Dispose() => _listener.Dispose();

        private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            lock (_sums)
            {
                _sums[instrument.Name] = _sums.GetValueOrDefault(instrument.Name) + value;
                foreach (var tag in tags)
                {
                    Tags.Add($"{tag.Key}={tag.Value}");
                }
            }
        }
    }
}
