using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using EmoStream.Streaming.Kafka.Reading;

namespace EmoStream.Streaming.Kafka;

/// <summary>What the provider measures. The only tag is the partition: streams and keys are people's.</summary>
internal sealed class StreamingKafkaMetrics
{
    public const string MeterName = "EmoStream.Streaming.Kafka";
    private const string PartitionTag = "messaging.destination.partition.id";

    private readonly Counter<long> _read;
    private readonly Counter<long> _delivered;
    private readonly Counter<long> _redelivered;
    private readonly Counter<long> _deadLettered;
    private readonly Counter<long> _lost;
    private readonly Counter<long> _commitFailures;
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
        meter.CreateObservableGauge("emostream.kafka.cache.records", () => Observe(r => r.Tracker.Records), "{record}", "Records read and not done.");
        meter.CreateObservableGauge("emostream.kafka.cache.size", () => Observe(r => r.Tracker.Bytes), "By", "Bytes of records read and not done.");
        meter.CreateObservableGauge(
            "emostream.kafka.dead_letters.pending", () => Observe(r => r.DeadLettersPending), "{record}", "Dead letters that are not acknowledged; the offset waits for them.");
        meter.CreateObservableGauge("emostream.kafka.lag", () => Observe(r => r.Lag), "{record}", "Records in the partition behind the committed position.");
    }

    public void Read(int partition) => _read.Add(1, Tag(partition));

    public void Delivered(int partition) => _delivered.Add(1, Tag(partition));

    public void Redelivered(int partition, int events) => _redelivered.Add(events, Tag(partition));

    public void DeadLettered(int partition) => _deadLettered.Add(1, Tag(partition));

    public void Lost(int partition, long records) => _lost.Add(records, Tag(partition));

    public void CommitFailed(int partition) => _commitFailures.Add(1, Tag(partition));

    public void Track(PartitionReader reader) => _readers[reader] = true;

    public void Untrack(PartitionReader reader) => _readers.TryRemove(reader, out _);

    private IEnumerable<Measurement<long>> Observe(Func<PartitionReader, long> value)
    {
        foreach (var (reader, _) in _readers)
        {
            yield return new(value(reader), Tag(reader.Partition));
        }
    }

    // Boxing the partition once per measurement would show in profiles; counters without listeners return before it.
    private static KeyValuePair<string, object?> Tag(int partition) =>
        new(PartitionTag, partition < Boxed.Length ? Boxed[partition] : partition);

    private static readonly object[] Boxed = [.. Enumerable.Range(0, 256).Select(i => (object)i)];
}
