using CsCheck;
using EmoStream.Streaming.Kafka;
using EmoStream.Streaming.Kafka.Ownership;

namespace EmoStream.Tests.Streaming.Kafka;

public sealed class BalancerTests
{
    private static readonly Gen<(int Silos, int Partitions)> Sizes = Gen.Select(Gen.Int[1, 9], Gen.Int[1, 64]);

    [Fact]
    public void Of_AnySizes_SharesDifferByOneAtMost() => Sizes.Sample(size =>
    {
        var shares = PartitionShares.Of(Names(size.Silos), size.Partitions).CountBy(owner => owner).ToDictionary();
        var counts = Enumerable.Range(0, size.Silos).Select(silo => shares.GetValueOrDefault(silo)).ToList();
        Assert.Equal(size.Partitions, counts.Sum());
        Assert.True(counts.Max() - counts.Min() <= 1, string.Join(' ', counts));
    });

    [Fact]
    public void Of_PartitionsAdded_NoneOfTheOthersMoves() => Sizes.Sample(size =>
        Assert.Equal(
            PartitionShares.Of(Names(size.Silos), size.Partitions),
            PartitionShares.Of(Names(size.Silos), size.Partitions + 7).Take(size.Partitions)));

    /// <summary>What every silo computes from its own list must not depend on who is first in it.</summary>
    [Fact]
    public void Of_SilosInAnotherOrder_SameOwners() => Sizes.Sample(size =>
    {
        var names = Names(size.Silos);
        string[] reversed = [.. names.Reverse()];
        Assert.Equal(
            PartitionShares.Of(names, size.Partitions).Select(owner => names[owner]),
            PartitionShares.Of(reversed, size.Partitions).Select(owner => reversed[owner]));
    });

    [Fact]
    public void Of_OneOfFourSilosLeaves_LessMovesThanByTurns()
    {
        const int partitions = 1200;
        var names = Names(4);
        var before = PartitionShares.Of(names, partitions);
        var after = PartitionShares.Of(names[..3], partitions);
        // A quarter has to move; dealing the partitions out in turn would move three quarters.
        Assert.InRange(before.Zip(after).Count(owners => owners.First != owners.Second), partitions / 4, partitions * 6 / 10);
    }

    [Fact]
    public void Grow_Queues_StayWhatTheyWereAndListenersAreTold()
    {
        var mapper = new KafkaQueueMapper("Kafka", 4);
        var before = mapper.GetAllQueues().ToList();
        var told = 0;
        mapper.Grown += () => told++;
        mapper.Grow(4);
        Assert.Equal(0, told);
        mapper.Grow(6);
        Assert.Equal(1, told);
        Assert.Equal(before, mapper.GetAllQueues().Take(4));
        Assert.Equal(Enumerable.Range(0, 6), mapper.GetAllQueues().Select(KafkaQueueMapper.Partition));
    }

    private static string[] Names(int count) => [.. Enumerable.Range(0, count).Select(i => $"silo-{i}")];
}
