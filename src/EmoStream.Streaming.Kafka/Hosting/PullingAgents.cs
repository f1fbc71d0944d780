using System.Runtime.CompilerServices;
using Microsoft.Extensions.DependencyInjection;

namespace EmoStream.Streaming.Kafka;

/// <summary>The pulling agents that read for this silo's Kafka providers: how <see cref="DeliveryFilter"/> knows their calls from others.</summary>
internal sealed class PullingAgents(IServiceProvider services)
{
    private static readonly object Known = new();

    // Orleans keeps an agent as long as it keeps the silo, and may give it its queue again.
    private readonly ConditionalWeakTable<IGrainContext, object> _agents = [];

    /// <summary>Remembers the agent that is calling.</summary>
    public void AddCurrent()
    {
        // Not in the constructor: the accessor needs the client that needs the filter that needs this.
        if (services.GetRequiredService<IGrainContextAccessor>().GrainContext is { } agent)
        {
            _agents.AddOrUpdate(agent, Known);
        }
    }

    public bool Contains(IGrainContext? context) => context is not null && _agents.TryGetValue(context, out _);
}
