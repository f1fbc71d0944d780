using System.Collections.Concurrent;

namespace EmoStream.Streaming.Kafka.Ownership;

/// <summary>The partitions that this silo reads at present, of all its providers; empty of one only when its last commit is done.</summary>
internal sealed class HeldPartitions
{
    private readonly ConcurrentDictionary<(string Provider, int Partition), bool> _held = new();

    public bool Contains(string provider, int partition) => _held.ContainsKey((provider, partition));

    public void Add(string provider, int partition) => _held[(provider, partition)] = true;

    public void Remove(string provider, int partition) => _held.TryRemove((provider, partition), out _);
}
