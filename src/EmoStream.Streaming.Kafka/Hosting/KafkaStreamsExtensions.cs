using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Streams;

namespace EmoStream.Streaming.Kafka;

/// <summary>Adds Kafka as a stream provider to a silo or a client.</summary>
public static class KafkaStreamsExtensions
{
    /// <summary>
    /// Reads a Kafka topic as Orleans streams: one queue per partition, implicit subscriptions, every event delivered at
    /// least once and in order per stream, offsets committed for what the grains have taken. Calling it again for the same
    /// name, also when configuration has set the provider up already, adds to its options.
    /// </summary>
    /// <param name="builder">The silo.</param>
    /// <param name="name">The provider's name.</param>
    /// <param name="configure">Options and data adapter.</param>
    /// <returns>The silo.</returns>
    public static ISiloBuilder AddKafkaStreams(this ISiloBuilder builder, string name, Action<KafkaStreamsBuilder>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (!IsAdded(builder.Services, name))
        {
            KafkaStreamsBuilder.AddShared(builder.Services, name);
            KafkaStreamsBuilder.AddOwnership(builder.Services, name);
            builder.Services.TryAddSingleton<PullingAgents>();
            builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IOutgoingGrainCallFilter, DeliveryFilter>());
            builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IIncomingGrainCallFilter, FailureFilter>());
            KafkaStreamsBuilder.AddSilo(new SiloPersistentStreamConfigurator(
                name, services => services(builder.Services), KafkaAdapterFactory.CreateForSilo));
        }
        configure?.Invoke(new(name, builder.Services));
        return builder;
    }

    /// <summary>Lets a client send to the provider's streams: it produces to the topic itself, by the data adapter's encoder.</summary>
    /// <param name="builder">The client.</param>
    /// <param name="name">The provider's name.</param>
    /// <param name="configure">Options and data adapter.</param>
    /// <returns>The client.</returns>
    public static IClientBuilder AddKafkaStreams(this IClientBuilder builder, string name, Action<KafkaStreamsBuilder>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (!IsAdded(builder.Services, name))
        {
            KafkaStreamsBuilder.AddShared(builder.Services, name);
            KafkaStreamsBuilder.AddClient(new ClusterClientPersistentStreamConfigurator(name, builder, KafkaAdapterFactory.CreateForClient));
        }
        configure?.Invoke(new(name, builder.Services));
        return builder;
    }

    private static bool IsAdded(IServiceCollection services, string name)
    {
        foreach (var service in services)
        {
            if (service.IsKeyedService && service.ServiceType == typeof(IQueueAdapterFactory) && Equals(service.ServiceKey, name))
            {
                return true;
            }
        }
        return false;
    }
}
