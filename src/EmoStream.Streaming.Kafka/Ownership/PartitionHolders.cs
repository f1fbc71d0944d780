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

    /// <summary>Takes a partition back that the silo reads; null: it does not read it, or could not.</summary>
    [Alias("Rewind"), ResponseTimeout("00:00:10")]
    Task<RewindOutcome?> RewindAsync(string provider, int partition, RewindTarget target);
}

/// <inheritdoc cref="IPartitionHolder"/>
internal sealed class PartitionHolder(GrainId id, Silo silo, ILoggerFactory loggers, HeldPartitions held) : GrainService(id, silo, loggers), IPartitionHolder
{
    public ValueTask<bool> HoldsAsync(string provider, int partition) => new(held.Contains(provider, partition));

    public Task<RewindOutcome?> RewindAsync(string provider, int partition, RewindTarget target) =>
        held.Find(provider, partition)?.RewindAsync(target) ?? Task.FromResult<RewindOutcome?>(null);
}

/// <summary>Asks the other silos, on behalf of the readers' threads.</summary>
internal sealed class PartitionHolders(IServiceProvider services) : GrainServiceClient<IPartitionHolder>(services)
{
    // What a silo answers for a grain service that it does not have. A silo that cannot be connected to is the same exception
    // with another message; where Orleans should say it otherwise, such a silo counts as one that does not say.
    private const string NoService = "not active on this silo";

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

    /// <summary>Has whoever reads the partition take it back; null: nobody did.</summary>
    public async Task<RewindOutcome?> RewindAsync(string provider, int partition, RewindTarget target)
    {
        if (Held.Find(provider, partition) is { } reader)
        {
            return await reader.RewindAsync(target);
        }
        foreach (var member in _membership.CurrentSnapshot.Members.Values.Where(m => m.Status == SiloStatus.Active && !m.SiloAddress.Equals(_self)))
        {
            try
            {
                if (await GetGrainService(member.SiloAddress).RewindAsync(provider, partition, target) is { } outcome)
                {
                    return outcome;
                }
            }
            catch (Exception e) when (e is TimeoutException or OrleansException)
            {
                // Gone, stalled, or without this provider: another one may have it.
            }
        }
        return null;
    }

    /// <summary>Whether a silo that membership calls alive reads the partition, or does not say.</summary>
    internal async Task<bool> HoldsAsync(SiloAddress silo, string provider, int partition)
    {
        try
        {
            return await GetGrainService(silo).HoldsAsync(provider, partition);
        }
        catch (OrleansMessageRejectionException e) when (e.Message.Contains(NoService, StringComparison.Ordinal))
        {
            return false; // without any provider of ours
        }
        catch (Exception)
        {
            return true; // stalled, or there is no connection to it; if it is gone, membership finds out
        }
    }
}
