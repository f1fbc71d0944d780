using EmoStream.Contracts;
using EmoStream.Timeline.Commit;
using EmoStream.Timeline.Connect;
using EmoStream.Timeline.Incarnation;
using EmoStream.Timeline.Read;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace EmoStream.Timeline;

/// <summary>Registers the timeline: connection, start-up probe, writing side, reading side.</summary>
public static class TimelineServiceCollectionExtensions
{
    /// <summary>
    /// Adds <see cref="TimelineStore"/> and <see cref="TimelineReader"/> on the keyed connection <see cref="Names.Redis"/>,
    /// which it opens from <c>ConnectionStrings:redis</c> unless one is registered.
    /// </summary>
    public static IServiceCollection AddTimeline(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddKeyedSingleton<IConnectionMultiplexer>(
            Names.Redis, (provider, _) => RedisConnection.Connect(provider.GetRequiredService<IConfiguration>()));
        services.AddHostedService<RedisProbeService>();
        services.TryAddSingleton(provider => new RedisIncarnation(
            provider.GetRequiredKeyedService<IConnectionMultiplexer>(Names.Redis),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<RedisIncarnation>>()));
        services.TryAddSingleton<Watermarks>();
        services.TryAddSingleton(provider => new TimelineStore(
            provider.GetRequiredKeyedService<IConnectionMultiplexer>(Names.Redis),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<RedisIncarnation>()));
        services.TryAddSingleton(provider => new TimelineReader(
            provider.GetRequiredKeyedService<IConnectionMultiplexer>(Names.Redis),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<TimelineReader>>()));
        return services;
    }
}
