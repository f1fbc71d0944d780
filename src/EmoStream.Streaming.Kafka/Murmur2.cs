using System.Buffers.Binary;

namespace EmoStream.Streaming.Kafka;

/// <summary>The hash that Kafka's Java client and librdkafka's <c>murmur2_random</c> choose partitions by.</summary>
internal static class Murmur2
{
    private const uint Seed = 0x9747b28c;
    private const uint M = 0x5bd1e995;
    private const int R = 24;

    public static int Partition(ReadOnlySpan<byte> key, int partitions) => (int)((Hash(key) & 0x7fffffff) % (uint)partitions);

    public static uint Hash(ReadOnlySpan<byte> data)
    {
        var hash = Seed ^ (uint)data.Length;
        for (; data.Length >= 4; data = data[4..])
        {
            var k = BinaryPrimitives.ReadUInt32LittleEndian(data) * M;
            k = (k ^ (k >> R)) * M;
            hash = (hash * M) ^ k;
        }
        if (data.Length == 3)
        {
            hash ^= (uint)data[2] << 16;
        }
        if (data.Length >= 2)
        {
            hash ^= (uint)data[1] << 8;
        }
        if (data.Length >= 1)
        {
            hash = (hash ^ data[0]) * M;
        }
        hash = (hash ^ (hash >> 13)) * M;
        return hash ^ (hash >> 15);
    }
}
