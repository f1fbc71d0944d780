using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Runtime.Services;
using Orleans.Services;

namespace EmoStream.Streaming.Kafka.Ownership;

/// <summary>Answers other silos that want to read a partition; one on every silo, so no directory can be wrong about it.</summary>
[Alias("EmoStream.Streaming.Kafka.IPartitionHolder")]
internal interface IPartitionHolder : IGrainService
{
    /// <summary>Whether the silo that is asked reads a partition at present.</summary>
    [Alias("Holds"), ResponseTimeout("00:00:02")]
    ValueTask<bool> HoldsAsync(string provider, int partition);
}

/// <inheritdoc cref="IPartitionHolder"/>
internal sealed class PartitionHolder(GrainId id, Silo silo, ILoggerFactory loggers, HeldPartitions held) : GrainService(id, silo, loggers), IPartitionHolder
{
    public ValueTask<bool> HoldsAsync(string provider, int partition) => new(held.Contains(provider, partition));
}

/// <summary>Asks the other silos, on behalf of the readers' threads.</summary>
internal sealed class PartitionHolders(IServiceProvider services) : GrainServiceClient<IPartitionHolder>(services)
{
    private readonly IClusterMembershipService _membership = services.GetRequiredService<IClusterMembershipService>();
    private readonly SiloAddress _self = services.GetRequiredService<ILocalSiloDetails>().SiloAddress;

    /// <summary>The partitions that are read here.</summary>
    public HeldPartitions Held { get; } = services.GetRequiredService<HeldPartitions>();

    /// <summary>Whether some silo that lives reads the partition, or does not say.</summary>
    public async Task<bool> IsHeldAsync(string provider, int partition)
    {
        if (Held.Contains(provider, partition))
        {
            return true;
        }
        var others = _membership.CurrentSnapshot.Members.Values
            .Where(member => member.Status is SiloStatus.Active or SiloStatus.ShuttingDown or SiloStatus.Stopping && !member.SiloAddress.Equals(_self));
        var answers = await Task.WhenAll(others.Select(member => HoldsAsync(member.SiloAddress, provider, partition)));
        return answers.Contains(true);
    }

    private async Task<bool> HoldsAsync(SiloAddress silo, string provider, int partition)
    {
        try
        {
            return await GetGrainService(silo).HoldsAsync(provider, partition);
        }
        catch (TimeoutException)
        {
            return true; // it may have stalled; membership finds out
        }
        catch (Exception)
        {
            return false; // gone, or without this provider
        }
    }
}
