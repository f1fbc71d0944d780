using System.Collections.Concurrent;
using EmoStream.Streaming.Kafka.Reading;

namespace EmoStream.Streaming.Kafka.Ownership;

/// <summary>The partitions that this silo reads at present, of all its providers; empty of one only when its last commit is done.</summary>
internal sealed class HeldPartitions
{
    private readonly ConcurrentDictionary<(string Provider, int Partition), PartitionReader> _held = new();

    public bool Contains(string provider, int partition) => _held.ContainsKey((provider, partition));

    public PartitionReader? Find(string provider, int partition) => _held.GetValueOrDefault((provider, partition));

    public void Add(string provider, int partition, PartitionReader reader) => _held[(provider, partition)] = reader;

    /// <summary>Nothing where another reader has taken its place: one that closes late must not speak for that.</summary>
    public void Remove(string provider, int partition, PartitionReader reader) => _held.TryRemove(new(((provider, partition)), reader));
}
