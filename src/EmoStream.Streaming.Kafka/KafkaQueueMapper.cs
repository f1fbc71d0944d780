using Orleans.Configuration;
using Orleans.Streams;

namespace EmoStream.Streaming.Kafka;

/// <summary>
/// One queue per partition; a queue's numeric id is the partition. Where a stream's records lie is decided by their key
/// when they are produced: the mapping here is the same (murmur2 of the stream key) as long as the key of the record is
/// the key of the stream. Reading never depends on it, because with implicit subscriptions the agent that read a record
/// delivers it.
/// </summary>
internal sealed class KafkaQueueMapper : IConsistentRingStreamQueueMapper
{
    private readonly HashRingBasedStreamQueueMapper _ring;
    private readonly QueueId[] _queues;

    public KafkaQueueMapper(string providerName, int partitions)
    {
        _ring = new(new HashRingStreamQueueMapperOptions { TotalQueueCount = partitions }, providerName);
        _queues = new QueueId[partitions];
        foreach (var queue in _ring.GetAllQueues())
        {
            _queues[Partition(queue)] = queue;
        }
    }

    public static int Partition(QueueId queue) => (int)queue.GetNumericId();

    public IEnumerable<QueueId> GetAllQueues() => _queues;

    public IEnumerable<QueueId> GetQueuesForRange(IRingRange range) => _ring.GetQueuesForRange(range);

    public QueueId GetQueueForStream(StreamId streamId) => _queues[Murmur2.Partition(streamId.Key.Span, _queues.Length)];
}
