using System.Buffers.Binary;
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
    private readonly string _providerName;
    private volatile QueueId[] _queues;

    public KafkaQueueMapper(string providerName, int partitions) => (_providerName, _queues) = (providerName, Queues(providerName, partitions));

    /// <summary>Raised when partitions were added to the topic.</summary>
    public event Action? Grown;

    public int Count => _queues.Length;

    public static int Partition(QueueId queue) => (int)queue.GetNumericId();

    /// <summary>Takes over the topic's number of partitions, which never falls. Queues that were there stay what they were.</summary>
    public void Grow(int partitions)
    {
        if (partitions > _queues.Length)
        {
            _queues = Queues(_providerName, partitions);
            Grown?.Invoke();
        }
    }

    public IEnumerable<QueueId> GetAllQueues() => _queues;

    public IEnumerable<QueueId> GetQueuesForRange(IRingRange range) => _queues.Where(queue => range.InRange(queue.GetUniformHashCode()));

    public QueueId GetQueueForStream(StreamId streamId)
    {
        var queues = _queues;
        return queues[Murmur2.Partition(streamId.Key.Span, queues.Length)];
    }

    /// <summary>The place on the ring follows from the partition alone: Orleans' own mapper derives it from the total, too.</summary>
    private static QueueId[] Queues(string providerName, int partitions)
    {
        var queues = new QueueId[partitions];
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        for (var partition = 0; partition < partitions; partition++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes, partition);
            queues[partition] = QueueId.GetQueueId(providerName, (uint)partition, Murmur2.Hash(bytes));
        }
        return queues;
    }
}
