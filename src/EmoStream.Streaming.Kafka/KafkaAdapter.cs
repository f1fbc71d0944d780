using System.Collections.Concurrent;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka.Cache;
using EmoStream.Streaming.Kafka.Reading;
using Orleans.Streams;

namespace EmoStream.Streaming.Kafka;

/// <summary>Where Orleans and Kafka meet: makes cache and receiver of a partition, and produces what is sent to a stream.</summary>
/// <remarks>
/// Not rewindable, on purpose. Rewindable streams make the agent and the grain compare the token of the last batch with the
/// next one, but a batch here is whatever was waiting, so after a redelivery the same first offset may stand for more
/// events: the grain's side would drop such a batch as known, and the agent would skip forward past events. Without the
/// comparison every event that is not done is delivered, at least once and in order; grains drop repeats by
/// <see cref="KafkaSequenceToken.Offset"/>, which they can, because offsets are the tokens all the same. What can go back, and
/// does not depend on any of this, is the partition's reader: <see cref="KafkaRewind"/>.
/// </remarks>
internal sealed class KafkaAdapter(KafkaStreamContext context) : IQueueAdapter, IQueueAdapterCache, IDisposable
{
    // Longer than a client takes to close that has a broker; one without must not hold up the host's end for long.
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<int, PartitionReceiver> _receivers = new();
    private readonly ConcurrentDictionary<int, (OffsetTracker Tracker, PartitionCache Cache)> _taken = new();
    private readonly RenewedProducer _producer = new(KafkaStreamContext.ProducerConfig(context.Options), _ => { });

    public string Name => context.Name;

    public bool IsRewindable => false;

    public StreamProviderDirection Direction => StreamProviderDirection.ReadWrite;

    /// <summary>The agent makes the cache first and the receiver next, anew each time it takes the queue over.</summary>
    public IQueueCache CreateQueueCache(QueueId queueId)
    {
        context.Agents?.AddCurrent();
        var partition = KafkaQueueMapper.Partition(queueId);
        var tracker = new OffsetTracker(context.Options.CacheRecords, context.Options.CacheBytes);
        var cache = new PartitionCache(context, partition, tracker);
        _taken[partition] = (tracker, cache);
        return cache;
    }

    public IQueueAdapterReceiver CreateReceiver(QueueId queueId)
    {
        var partition = KafkaQueueMapper.Partition(queueId);
        return _taken.TryRemove(partition, out var taken)
            ? _receivers[partition] = new PartitionReceiver(context, partition, taken.Tracker, taken.Cache)
            : throw new InvalidOperationException($"The cache of partition {partition} was not created before its receiver.");
    }

    /// <summary>Produces the events; returns when Kafka has acknowledged them all (acks=all, idempotent).</summary>
    public async Task QueueMessageBatchAsync<T>(
        StreamId streamId, IEnumerable<T> events, StreamSequenceToken? token, Dictionary<string, object>? requestContext)
    {
        ArgumentNullException.ThrowIfNull(events);
        if (token is not null)
        {
            throw new ArgumentException("Kafka assigns the offsets: send without a token.", nameof(token));
        }
        var acknowledgements = new List<Task>();
        foreach (var item in events)
        {
            ArgumentNullException.ThrowIfNull(item, nameof(events));
            var record = context.DataAdapter.Encode(streamId, item);
            var message = new Message<byte[]?, byte[]?>
            {
                Key = record.Key,
                Value = record.Value,
                Headers = RequestContextHeaders.Join(record.Headers, requestContext),
            };
            acknowledgements.Add(_producer.ProduceAsync(new(context.Options.Topic, Partition.Any), message));
        }
        await Task.WhenAll(acknowledgements);
    }

    /// <summary>Ends readers that nobody has stopped: a host may be disposed of without a stop, or its stop may have been cut short.</summary>
    public void Dispose()
    {
        Task.WaitAll([.. _receivers.Values.Select(receiver => receiver.AbandonAsync())], CloseTimeout);
        _producer.Dispose();
        context.DeadLetters.Dispose();
        context.Topics.Dispose();
    }
}
