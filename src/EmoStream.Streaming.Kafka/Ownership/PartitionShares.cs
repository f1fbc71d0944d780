using System.Text;

namespace EmoStream.Streaming.Kafka.Ownership;

/// <summary>
/// Which silo reads which partition. Every silo computes it for itself, from the names of those that are active: each
/// partition prefers silos in an order of its own (rendezvous hashing), and takes the first that has not more than its share.
/// </summary>
/// <remarks>
/// Shares differ by one partition at most. A silo that comes back under its name gets what it had. Partitions that are
/// added move none of the others: shares are counted along the partitions, not from their total.
/// </remarks>
internal static class PartitionShares
{
    /// <summary>The owner of every partition, as its place among the silos.</summary>
    /// <param name="silos">Names of the active silos, in any order that is the same for everybody; at least one.</param>
    /// <param name="partitions">Number of partitions.</param>
    public static int[] Of(IReadOnlyList<string> silos, int partitions)
    {
        var owners = new int[partitions];
        var taken = new int[silos.Count];
        for (var partition = 0; partition < partitions; partition++)
        {
            var share = (partition / silos.Count) + 1;
            var (best, weight) = (-1, 0u);
            for (var silo = 0; silo < silos.Count; silo++)
            {
                var preference = Murmur2.Hash(Encoding.UTF8.GetBytes($"{partition}/{silos[silo]}"));
                if (taken[silo] < share && (best < 0 || preference > weight))
                {
                    (best, weight) = (silo, preference);
                }
            }
            owners[partition] = best;
            taken[best]++;
        }
        return owners;
    }
}
