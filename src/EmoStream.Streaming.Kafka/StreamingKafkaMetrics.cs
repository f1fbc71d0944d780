using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka.Reading;

namespace EmoStream.Streaming.Kafka;

/// <summary>What the provider measures. The only tag is the partition: streams and keys are people's.</summary>
internal sealed class StreamingKafkaMetrics
{
    public const string MeterName = "EmoStream.Streaming.Kafka";
    private const string PartitionTag = "messaging.destination.partition.id";

    // Seconds; from a hop inside a data centre to a consumer that was away for an hour.
    private static readonly InstrumentAdvice<double> Durations = new() { HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600] };

    private readonly Counter<long> _read;
    private readonly Counter<long> _delivered;
    private readonly Counter<long> _redelivered;
    private readonly Counter<long> _deadLettered;
    private readonly Counter<long> _lost;
    private readonly Counter<long> _commitFailures;
    private readonly Counter<long> _retries;
    private readonly Counter<long> _parkings;
    private readonly Counter<long> _handovers;
    private readonly Counter<long> _rewinds;
    private readonly Histogram<double> _fetch;
    private readonly Histogram<double> _ack;
    private readonly ConcurrentDictionary<PartitionReader, bool> _readers = new();

    public StreamingKafkaMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(MeterName);
        _read = meter.CreateCounter<long>("emostream.kafka.records.read", "{record}", "Records read from the topic.");
        _delivered = meter.CreateCounter<long>("emostream.kafka.events.delivered", "{event}", "Events that every subscriber has taken.");
        _redelivered = meter.CreateCounter<long>("emostream.kafka.events.redelivered", "{event}", "Events whose delivery was attempted again.");
        _deadLettered = meter.CreateCounter<long>("emostream.kafka.records.dead_lettered", "{record}", "Records that the dead-letter topic has acknowledged.");
        _lost = meter.CreateCounter<long>("emostream.kafka.records.lost", "{record}", "Records that the broker deleted before they were read.");
        _commitFailures = meter.CreateCounter<long>("emostream.kafka.commit.failures", "{commit}", "Offset commits that failed; the next one covers them.");
        _retries = meter.CreateCounter<long>("emostream.kafka.events.retries", "{event}", "Attempts in which a grain refused an event, the last one included.");
        _parkings = meter.CreateCounter<long>("emostream.kafka.streams.parkings", "{stream}", "Times that a stream was parked.");
        _handovers = meter.CreateCounter<long>("emostream.kafka.handovers", "{partition}", "Partitions taken over: clean (the former owner had let go), forced (it had not, in time), fenced (this owner was the former one).");
        _rewinds = meter.CreateCounter<long>("emostream.kafka.rewinds", "{rewind}", "Times that a running reader went back.");
        _fetch = meter.CreateHistogram("emostream.kafka.fetch.duration", "s", "From a record's timestamp to its being read; two clocks.", advice: Durations);
        _ack = meter.CreateHistogram("emostream.kafka.ack.duration", "s", "From an event's being read to its being taken by every subscriber.", advice: Durations);
        meter.CreateObservableGauge("emostream.kafka.lag.time", () => Observe(r => r.LagSeconds), "s", "Age of the oldest record that was read and is not done.");
        meter.CreateObservableGauge("emostream.kafka.watermark.age", () => Observe(r => r.WatermarkAge), "s", "How long the position to commit has stood still while records lay behind it.");
        // As kafka-exporter and its like name it: dashboards and autoscalers know this one.
        meter.CreateObservableGauge("kafka_consumergroup_lag", ObserveGroupLag, null, "Records in the partition behind the position to commit.");
        meter.CreateObservableGauge("emostream.kafka.streams.parked", () => Observe<long>(r => r.Parked), "{stream}", "Streams that are parked now.");
        meter.CreateObservableGauge("emostream.kafka.cache.records", () => Observe<long>(r => r.Tracker.Records), "{record}", "Records read and not done.");
        meter.CreateObservableGauge("emostream.kafka.cache.size", () => Observe<long>(r => r.Tracker.Bytes), "By", "Bytes of records read and not done.");
        meter.CreateObservableGauge(
            "emostream.kafka.dead_letters.pending", () => Observe<long>(r => r.DeadLettersPending), "{record}", "Dead letters that are not acknowledged; the offset waits for them.");
        meter.CreateObservableGauge("emostream.kafka.lag", () => Observe(r => r.Lag), "{record}", "Records in the partition behind the committed position.");
    }

    public void Read(int partition, DateTimeOffset now, Timestamp timestamp)
    {
        _read.Add(1, Tag(partition));
        if (_fetch.Enabled && timestamp.Type != TimestampType.NotAvailable)
        {
            // In numbers: a producer may have set a time that no calendar has.
            _fetch.Record(Math.Max(0, (now.ToUnixTimeMilliseconds() - (double)timestamp.UnixTimestampMs) / 1000), Tag(partition));
        }
    }

    public void Delivered(int partition, TimeProvider time, long readAt)
    {
        _delivered.Add(1, Tag(partition));
        if (_ack.Enabled)
        {
            _ack.Record(time.GetElapsedTime(readAt).TotalSeconds, Tag(partition));
        }
    }

    /// <summary>A partition was taken over, or lost: <c>clean</c>, <c>forced</c>, <c>fenced</c>.</summary>
    public void HandedOver(int partition, string kind) => _handovers.Add(1, Tag(partition), new("kind", kind));

    public void Rewound(int partition) => _rewinds.Add(1, Tag(partition));

    public void Redelivered(int partition, int events) => _redelivered.Add(events, Tag(partition));

    public void DeadLettered(int partition) => _deadLettered.Add(1, Tag(partition));

    public void Lost(int partition, long records) => _lost.Add(records, Tag(partition));

    public void CommitFailed(int partition) => _commitFailures.Add(1, Tag(partition));

    public void Retried(int partition) => _retries.Add(1, Tag(partition));

    public void Parked(int partition) => _parkings.Add(1, Tag(partition));

    public void Track(PartitionReader reader) => _readers[reader] = true;

    public void Untrack(PartitionReader reader) => _readers.TryRemove(reader, out _);

    private IEnumerable<Measurement<T>> Observe<T>(Func<PartitionReader, T?> value)
        where T : struct
    {
        foreach (var (reader, _) in _readers)
        {
            if (value(reader) is { } known)
            {
                yield return new(known, Tag(reader.Partition));
            }
        }
    }

    private IEnumerable<Measurement<long>> ObserveGroupLag()
    {
        foreach (var (reader, _) in _readers)
        {
            if (reader.Lag is not { } lag)
            {
                continue;
            }
            yield return new(
                lag, new("consumergroup", reader.Options.GroupId), new("topic", reader.Options.Topic), new KeyValuePair<string, object?>("partition", reader.Partition));
        }
    }

    // Boxing the partition once per measurement would show in profiles; counters without listeners return before it.
    private static KeyValuePair<string, object?> Tag(int partition) =>
        new(PartitionTag, partition < Boxed.Length ? Boxed[partition] : partition);

    private static readonly object[] Boxed = [.. Enumerable.Range(0, 256).Select(i => (object)i)];
}
