using EmoStream.Contracts;
using EmoStream.Inference;
using EmoStream.Inference.Scoring;
using EmoStream.ServiceDefaults;
using EmoStream.Silo.Conversations;
using EmoStream.Silo.Ingest;
using EmoStream.Silo.Policy;
using EmoStream.Streaming.Kafka;
using EmoStream.Timeline;
using Microsoft.Extensions.Options;
using Orleans.Configuration;

namespace EmoStream.Silo.Hosting;

/// <summary>Puts the processor together.</summary>
public static partial class SiloExtensions
{
    /// <summary>
    /// Adds everything between Kafka and Redis, in the order of the data flow. Clustering comes from configuration
    /// (<c>Orleans:Clustering:ProviderType</c>), as do <c>ConnectionStrings:kafka</c> and <c>ConnectionStrings:redis</c>.
    /// </summary>
    public static WebApplicationBuilder AddSilo(this WebApplicationBuilder builder)
    {
        builder.AddServiceDefaults();
        builder.Services.AddOptions<SiloOptions>().BindConfiguration(SiloOptions.Section).ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<SiloOptions>, SiloOptionsValidator>();
        builder.Services.AddSingleton<SiloMetrics>();
        builder.Services.AddSingleton<WorkLimit>();
        builder.Services.AddSingleton(LoadPolicy);
        builder.Services.AddHostedService<YoungCollections>();

        // Orleans takes every section below Orleans:Streaming for a provider and wants to know its kind.
        builder.Configuration.AddInMemoryCollection([new($"Orleans:Streaming:{Names.StreamProvider}:ProviderType", "Kafka")]);

        // Hosted services start in this order: Redis is probed and the model warm before the first stream is read.
        builder.Services.AddTimeline();
        builder.Services.AddInference();
        builder.Services.AddSingleton<KafkaDataAdapter>(services => new UtteranceAdapter(
            services.GetRequiredService<PolicyGate>(), services.GetRequiredService<IScorer>().Description));
        builder.UseOrleans(silo => silo
            .AddKafkaStreams(Names.StreamProvider, streams => streams.ConfigureOptions(Bind).UsePositionStore<TimelinePositions>())
            .Configure<ClusterMembershipOptions>(DetectFailuresFast)
            .Configure<SiloMessagingOptions>(options => options.ResponseTimeout = DeliveryTimeout)
            .AddGrainCollection());
        return builder;
    }

    /// <summary>How long a delivery may take until it is repeated: a batch behind a backlog of the model takes its time.</summary>
    private static readonly TimeSpan DeliveryTimeout = TimeSpan.FromMinutes(2);

    private static void Bind(OptionsBuilder<KafkaStreamOptions> options) => options
        .Configure<IConfiguration>((kafka, configuration) =>
        {
            kafka.BootstrapServers = configuration.GetConnectionString(Names.Kafka) ?? "";
            (kafka.Topic, kafka.DeadLetterTopic) = TopicNames.From(configuration);
            KafkaSettings.CopyTo(configuration, kafka.ClientSettings);
            // One conversation's backlog must not keep the model from the others for seconds.
            kafka.DeliveryBatch = 256;
            kafka.IsTransient = TransientFailures.Contains;
        })
        .BindConfiguration($"Orleans:Streaming:{Names.StreamProvider}");

    /// <summary>A killed silo's conversations move after about two seconds instead of Orleans' half minute.</summary>
    private static void DetectFailuresFast(ClusterMembershipOptions options)
    {
        options.ProbeTimeout = TimeSpan.FromSeconds(1);
        options.MaxProbeTimeout = TimeSpan.FromSeconds(2);
        options.NumMissedProbesLimit = 2;
        options.NumVotesForDeathDeclaration = 1;
        options.TableRefreshTimeout = TimeSpan.FromSeconds(5);
        options.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(3);
        options.NumMissedTableIAmAliveLimit = 2;
    }

    private static ISiloBuilder AddGrainCollection(this ISiloBuilder silo)
    {
        silo.Services.AddOptions<GrainCollectionOptions>().Configure<IOptions<SiloOptions>>((collection, options) =>
        {
            var age = options.Value.ConversationIdleTimeout;
            collection.ClassSpecificCollectionAge[typeof(ConversationGrain).FullName!] = age;
            // Orleans wants every age above the quantum at which it looks.
            if (age <= collection.CollectionQuantum) collection.CollectionQuantum = age / 2;
        });
        return silo;
    }

    private static PolicyGate LoadPolicy(IServiceProvider services)
    {
        if (services.GetRequiredService<IOptions<SiloOptions>>().Value.Policy is { Length: > 0 } path) return PolicyGate.Load(path);
        LogNoPolicy(services.GetRequiredService<ILogger<PolicyGate>>());
        return PolicyGate.Closed;
    }

    [LoggerMessage(LogLevel.Warning, "EmoStream:Policy is not set: no modality may be used, nothing will be scored.")]
    private static partial void LogNoPolicy(ILogger logger);
}
