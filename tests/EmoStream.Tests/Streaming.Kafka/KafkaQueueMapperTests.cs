using System.Text;
using EmoStream.Streaming.Kafka;

namespace EmoStream.Tests.Streaming.Kafka;

public sealed class KafkaQueueMapperTests
{
    /// <summary>The vectors of Apache Kafka's own test of its Java client (UtilsTest).</summary>
    [Theory]
    [InlineData("21", -973932308)]
    [InlineData("foobar", -790332482)]
    [InlineData("a-little-bit-long-string", -985981536)]
    [InlineData("a-little-bit-longer-string", -1486304829)]
    [InlineData("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971)]
    [InlineData("abc", 479470107)]
    public void Hash_JavaClientsVectors_Equal(string key, int expected) =>
        Assert.Equal(expected, unchecked((int)Murmur2.Hash(Encoding.UTF8.GetBytes(key))));

    [Fact]
    public void GetAllQueues_Partitions_OneQueueEachNumberedByPartition()
    {
        var mapper = new KafkaQueueMapper("Kafka", 12);
        Assert.Equal(Enumerable.Range(0, 12), mapper.GetAllQueues().Select(KafkaQueueMapper.Partition));
    }

    [Fact]
    public void GetQueueForStream_StreamKey_IsThePartitionOfTheRecordKey()
    {
        var mapper = new KafkaQueueMapper("Kafka", 7);
        for (var i = 0; i < 100; i++)
        {
            var key = $"conversation-{i}";
            var expected = Murmur2.Partition(Encoding.UTF8.GetBytes(key), 7);
            Assert.Equal(expected, KafkaQueueMapper.Partition(mapper.GetQueueForStream(StreamId.Create("n", key))));
        }
    }
}
