using System.Diagnostics.Metrics;

namespace EmoStream.Inference;

/// <summary>What the model side measures; the meter is <c>EmoStream.Inference</c>, durations are in seconds.</summary>
public sealed class InferenceMetrics : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "EmoStream.Inference";

    // From a null scorer's microseconds to a CPU batch of long texts.
    private static readonly InstrumentAdvice<double> Durations = new()
    {
        HistogramBucketBoundaries = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    };

    private static readonly InstrumentAdvice<int> Sizes = new() { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64, 128, 256] };

    private readonly TimeProvider _timeProvider;
    private readonly Meter _meter;
    private readonly Histogram<int> _batchSize;
    private readonly Histogram<double> _queueDuration;
    private readonly Histogram<double> _encodeDuration;
    private readonly Histogram<double> _contextDuration;
    private readonly Counter<long> _tokens;
    private readonly Counter<long> _padding;
    private readonly Counter<long> _scores;
    private readonly Counter<long> _failures;

    /// <summary>Null <paramref name="meters"/>: a meter of its own, for tools without a host.</summary>
    public InferenceMetrics(IMeterFactory? meters = null, TimeProvider? timeProvider = null)
    {
        _timeProvider = timeProvider ?? TimeProvider.System;
        _meter = meters?.Create(MeterName) ?? new Meter(MeterName);
        _batchSize = _meter.CreateHistogram("emostream.inference.batch.size", "{request}", "Requests scored together.", tags: null, Sizes);
        _queueDuration = _meter.CreateHistogram("emostream.inference.queue.duration", "s", "From a request's arrival to the start of its batch.", tags: null, Durations);
        _encodeDuration = _meter.CreateHistogram("emostream.inference.encode.duration", "s", "One run of the text encoder.", tags: null, Durations);
        _contextDuration = _meter.CreateHistogram("emostream.inference.context.duration", "s", "One run of the context model.", tags: null, Durations);
        _tokens = _meter.CreateCounter<long>("emostream.inference.tokens", "{token}", "Tokens encoded, padding not counted.");
        _padding = _meter.CreateCounter<long>("emostream.inference.tokens.padding", "{token}", "Padding that was computed beside the tokens.");
        _scores = _meter.CreateCounter<long>("emostream.inference.scores", "{utterance}", "Utterances scored.");
        _failures = _meter.CreateCounter<long>("emostream.inference.failures", "{request}", "Requests that could not be scored.");
    }

    public void Dispose() => _meter.Dispose();

    internal long Start() => _timeProvider.GetTimestamp();

    internal void Batched(int requests) => _batchSize.Record(requests);

    internal void Queued(TimeSpan duration) => _queueDuration.Record(duration.TotalSeconds);

    internal void Encoded(long started, int tokens, int cells, string provider)
    {
        _encodeDuration.Record(_timeProvider.GetElapsedTime(started).TotalSeconds, Provider(provider));
        _tokens.Add(tokens);
        _padding.Add(cells - tokens);
    }

    internal void Contextualised(long started, int scores, string provider)
    {
        _contextDuration.Record(_timeProvider.GetElapsedTime(started).TotalSeconds, Provider(provider));
        _scores.Add(scores);
    }

    internal void Failed() => _failures.Add(1);

    private static KeyValuePair<string, object?> Provider(string provider) => new("emostream.inference.execution_provider", provider);
}
