using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Streams;

namespace EmoStream.Streaming.Kafka.Ownership;

/// <summary>Tells the pulling agents which partitions are this silo's: <see cref="PartitionShares"/> of the active silos.</summary>
internal sealed partial class KafkaQueueBalancer(IServiceProvider services, ILogger<KafkaQueueBalancer> logger) : QueueBalancerBase(services, logger)
{
    private readonly IClusterMembershipService _membership = services.GetRequiredService<IClusterMembershipService>();
    private KafkaQueueMapper? _mapper;

    public override Task Initialize(IStreamQueueMapper queueMapper)
    {
        _mapper = (KafkaQueueMapper)queueMapper;
        _mapper.Grown += Notify;
        return base.Initialize(queueMapper);
    }

    public override Task Shutdown()
    {
        _mapper?.Grown -= Notify;
        return base.Shutdown();
    }

    public override IEnumerable<QueueId> GetMyQueues()
    {
        // The name comes first, so that a silo keeps its place when it comes back with another address.
        var active = _membership.CurrentSnapshot.Members.Values
            .Where(member => member.Status == SiloStatus.Active)
            .OrderBy(member => member.Name, StringComparer.Ordinal).ThenBy(member => member.SiloAddress)
            .ToList();
        var self = active.FindIndex(member => member.SiloAddress.Equals(SiloAddress));
        if (self < 0)
        {
            return [];
        }
        var queues = _mapper!.GetAllQueues().ToList();
        var owners = PartitionShares.Of(active.ConvertAll(member => member.Name), queues.Count);
        return queues.Where((_, partition) => owners[partition] == self).ToList();
    }

    protected override void OnClusterMembershipChange(HashSet<SiloAddress> activeSilos) => Notify();

    private async void Notify()
    {
        try
        {
            await NotifyListeners();
        }
        catch (Exception e)
        {
            // The next change of the membership or of the topic brings the agents up to date.
            LogNotTold(e);
        }
    }

    [LoggerMessage(LogLevel.Error, "The pulling agents could not be told of a new distribution of partitions.")]
    private partial void LogNotTold(Exception exception);
}
