using EmoStream.Streaming.Kafka.Ownership;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Runtime.Providers;
using Orleans.Streams;

namespace EmoStream.Streaming.Kafka;

/// <summary>What can be configured on one Kafka stream provider.</summary>
public sealed class KafkaStreamsBuilder
{
    internal KafkaStreamsBuilder(string name, IServiceCollection services) => (Name, Services) = (name, services);

    /// <summary>The provider's name.</summary>
    public string Name { get; }

    /// <summary>The host's services.</summary>
    public IServiceCollection Services { get; }

    /// <summary>The provider's options.</summary>
    /// <param name="configure">Changes them.</param>
    /// <returns>This builder.</returns>
    public KafkaStreamsBuilder Configure(Action<KafkaStreamOptions> configure)
    {
        Services.AddOptions<KafkaStreamOptions>(Name).Configure(configure);
        return this;
    }

    /// <summary>The provider's options, for binding to a configuration section or using other services.</summary>
    /// <param name="configure">Changes them.</param>
    /// <returns>This builder.</returns>
    public KafkaStreamsBuilder ConfigureOptions(Action<OptionsBuilder<KafkaStreamOptions>> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        configure(Services.AddOptions<KafkaStreamOptions>(Name));
        return this;
    }

    /// <summary>The data adapter of this provider; without it the host's unkeyed <see cref="KafkaDataAdapter"/> is used.</summary>
    /// <typeparam name="TAdapter">The adapter; a singleton.</typeparam>
    /// <returns>This builder.</returns>
    public KafkaStreamsBuilder UseDataAdapter<TAdapter>()
        where TAdapter : KafkaDataAdapter
    {
        Services.AddKeyedSingleton<KafkaDataAdapter, TAdapter>(Name);
        return this;
    }

    /// <summary>Keeps positions where the effects are; without it they are Kafka's committed offsets.</summary>
    /// <typeparam name="TStore">The store; a singleton.</typeparam>
    /// <returns>This builder.</returns>
    public KafkaStreamsBuilder UsePositionStore<TStore>()
        where TStore : KafkaPositionStore
    {
        Services.AddKeyedSingleton<KafkaPositionStore, TStore>(Name);
        return this;
    }

    internal static void AddShared(IServiceCollection services, string name)
    {
        services.TryAddSingleton<StreamingKafkaMetrics>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<KafkaStreamOptions>, KafkaStreamOptionsValidator>());
        services.AddOptions<KafkaStreamOptions>(name)
            .PostConfigure<IOptions<ClusterOptions>, IServiceProvider>((options, cluster, host) =>
            {
                // The binder adds to a list: what an operator lists shall be all of it.
                var listed = host.GetService<IConfiguration>()?.GetSection($"Orleans:Streaming:{name}:{nameof(options.RetryDelays)}");
                if (listed?.Exists() == true)
                {
                    options.RetryDelays.Clear();
                    foreach (var delay in listed.GetChildren())
                    {
                        // One by one: of a list the binder leaves out what it cannot read, and without delays nothing is ever given up.
                        options.RetryDelays.Add(delay.Get<TimeSpan>());
                    }
                }
                if (listed is { Value: { Length: > 0 } })
                {
                    throw new OrleansConfigurationException($"{listed.Path} is a list: {listed.Path}:0, {listed.Path}:1 and so on.");
                }
                // Null is what an application's own setting is that nobody made; the topic's then fails the validation.
                if (string.IsNullOrEmpty(options.GroupId))
                {
                    options.GroupId = cluster.Value.ServiceId;
                }
                // Of each group its own: what one application cannot take is none of the others' business.
                if (string.IsNullOrEmpty(options.DeadLetterTopic) && !string.IsNullOrEmpty(options.Topic))
                {
                    options.DeadLetterTopic = $"{options.Topic}.{options.GroupId}.dlq";
                }
                if (string.IsNullOrEmpty(options.ParkingTopic) && !string.IsNullOrEmpty(options.Topic))
                {
                    options.ParkingTopic = $"{options.Topic}.{options.GroupId}.parked";
                }
            })
            .Validate(
                options => options.RetryDelays.All(delay => delay >= TimeSpan.Zero && delay <= TimeSpan.FromHours(1)),
                $"{nameof(KafkaStreamOptions.RetryDelays)} must each lie between 0 and one hour, and be written as 00:00:05: a mere 5 means days.")
            .Validate(
                options => new[] { options.Topic, options.DeadLetterTopic, options.ParkingTopic }.Where(topic => !string.IsNullOrEmpty(topic)).CountBy(topic => topic).All(topic => topic.Value == 1),
                $"{nameof(KafkaStreamOptions.Topic)}, {nameof(KafkaStreamOptions.DeadLetterTopic)} and {nameof(KafkaStreamOptions.ParkingTopic)} must be different topics: what is written to one of them would be read as something else.")
            .ValidateOnStart();
    }

    /// <summary>One for all providers of a silo, and a <see cref="KafkaRewind"/> for each.</summary>
    internal static void AddOwnership(IServiceCollection services, string name)
    {
        services.AddKeyedSingleton(name, (host, _) => new KafkaRewind(
            name,
            host.GetRequiredService<PartitionHolders>(),
            () => (host.GetKeyedService<IQueueAdapterFactory>(name) as KafkaAdapterFactory)?.Partitions,
            host.GetService<TimeProvider>() ?? TimeProvider.System));
        if (!services.Any(service => service.ServiceType == typeof(HeldPartitions)))
        {
            services.AddSingleton<HeldPartitions>();
            services.AddSingleton<PartitionHolders>();
            services.AddGrainService<PartitionHolder>();
        }
    }

    internal static void AddSilo(ISiloPersistentStreamConfigurator configurator)
    {
        configurator.ConfigureStreamPubSub(StreamPubSubType.ImplicitOnly);
        configurator.ConfigurePullingAgent(agent => agent.Configure(options =>
        {
            // Not a polling interval: a read waits for records by itself. It is how soon the agent reads on after it
            // paused, which it does whenever streams are delivered to for the first time.
            options.GetQueueMsgsTimerPeriod = TimeSpan.FromMilliseconds(5);
            // One attempt: DeliveryBackoff pauses longer than this, and then the cursor decides when the events come again.
            options.MaxEventDeliveryTime = DeliveryBackoff.Round;
            // The cursor batches by itself, so that a failure concerns exactly what was delivered together.
            options.BatchContainerBatchSize = 1;
            // Idle streams are looked through on every read.
            options.StreamInactivityPeriod = TimeSpan.FromMinutes(10);
        }));
        configurator.ConfigurePartitionBalancing((services, _) => ActivatorUtilities.CreateInstance<KafkaQueueBalancer>(services));
        configurator.ConfigureBackoffProvider((services, name) => new DeliveryBackoff(
            services.GetRequiredService<IOptionsMonitor<KafkaStreamOptions>>().Get(name).MaxRetryDelay));
    }

    internal static void AddClient(IClusterClientPersistentStreamConfigurator configurator) =>
        configurator.ConfigureStreamPubSub(StreamPubSubType.ImplicitOnly);
}

/// <summary>Ends the agent's round of attempts after the first; see <see cref="Cache.StreamCursor"/> for the pauses between attempts.</summary>
internal sealed class DeliveryBackoff(TimeSpan max) : IMessageDeliveryBackoffProvider
{
    /// <summary>What the agent takes for the end of a round.</summary>
    public static readonly TimeSpan Round = TimeSpan.FromMilliseconds(50);

    /// <summary>Longer than a round; doubles for what the agent repeats without one.</summary>
    public TimeSpan Next(int attempt)
    {
        var least = Round + TimeSpan.FromMilliseconds(10);
        var delay = TimeSpan.FromMilliseconds(Math.Min(max.TotalMilliseconds, least.TotalMilliseconds * Math.Pow(2, Math.Min(attempt, 30))));
        return delay > least ? delay : least;
    }
}
