using System.Runtime.CompilerServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EmoStream.Streaming.Kafka;

/// <summary>The pulling agents that read for this silo's Kafka providers: how <see cref="DeliveryFilter"/> knows their calls from others.</summary>
internal sealed partial class PullingAgents(IServiceProvider services, ILogger<PullingAgents> logger)
{
    private static readonly object Known = new();

    // Orleans keeps an agent as long as it keeps the silo, and may give it its queue again.
    private readonly ConditionalWeakTable<IGrainContext, object> _agents = [];
    private int _warned;

    /// <summary>Remembers the agent that is calling.</summary>
    public void AddCurrent()
    {
        // Not in the constructor: the accessor needs the client that needs the filter that needs this.
        if (services.GetRequiredService<IGrainContextAccessor>().GrainContext is { } agent)
        {
            _agents.AddOrUpdate(agent, Known);
        }
        else if (Interlocked.Exchange(ref _warned, 1) == 0)
        {
            LogUnknown();
        }
    }

    public bool Contains(IGrainContext? context) => context is not null && _agents.TryGetValue(context, out _);

    [LoggerMessage(LogLevel.Warning, "A pulling agent of Orleans made its cache outside of its own context, which this version of the provider does not know. Events are delivered all the same, but a stream that is new stops the others of its partition until its grain has activated.")]
    private partial void LogUnknown();
}
