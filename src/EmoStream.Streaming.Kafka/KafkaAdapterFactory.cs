using EmoStream.Streaming.Kafka.DeadLetters;
using EmoStream.Streaming.Kafka.Ownership;
using EmoStream.Streaming.Kafka.Reading;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Streams;

namespace EmoStream.Streaming.Kafka;

/// <summary>Sets one provider up when the silo (or client) starts: finds the topic, then hands out adapter, cache and mapper.</summary>
internal sealed class KafkaAdapterFactory(KafkaStreamContext context, bool reads) : IQueueAdapterFactory, IDisposable
{
    private readonly KafkaAdapter _adapter = new(context);
    private KafkaQueueMapper? _mapper;
    private ITimer? _growth;

    /// <summary>The topic's number of partitions when it was counted last; null before the provider has started.</summary>
    public int? Partitions => _mapper?.Count;

    public static KafkaAdapterFactory CreateForSilo(IServiceProvider services, string name) => new(Context(services, name, reads: true), reads: true);

    public static KafkaAdapterFactory CreateForClient(IServiceProvider services, string name) => new(Context(services, name, reads: false), reads: false);

    public Task<IQueueAdapter> CreateAdapter() => CreateAdapter(CancellationToken.None);

    /// <summary>Counts the partitions, now and every <see cref="KafkaStreamOptions.TopicCheckInterval"/>: a topic may grow.</summary>
    public async Task<IQueueAdapter> CreateAdapter(CancellationToken cancellationToken)
    {
        KafkaStreamContext.RequireClients(context.Name, context.Options);
        if (reads)
        {
            _mapper = new KafkaQueueMapper(context.Name, await context.Topics.GetPartitionsAsync(cancellationToken));
            _growth = context.Time.CreateTimer(_ => Count(), null, context.Options.TopicCheckInterval, Timeout.InfiniteTimeSpan);
        }
        return _adapter;
    }

    public IQueueAdapterCache GetQueueAdapterCache() => _adapter;

    public IStreamQueueMapper GetStreamQueueMapper() =>
        _mapper ?? throw new InvalidOperationException("The partitions are known once the provider has started.");

    /// <summary>Orleans hands out a batch once and hears that it went well: what is tried again or given up is the stream queue's matter.</summary>
    public Task<IStreamFailureHandler> GetDeliveryFailureHandler(QueueId queueId) =>
        Task.FromResult<IStreamFailureHandler>(new NoOpStreamDeliveryFailureHandler(faultOnError: false));

    public void Dispose()
    {
        // A count under way uses the client that is disposed of next.
        _growth?.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _adapter.Dispose();
    }

    private void Count()
    {
        try
        {
            if (context.Topics.CountPartitions() is { } partitions)
            {
                _mapper!.Grow(partitions);
            }
            _growth!.Change(context.Options.TopicCheckInterval, Timeout.InfiniteTimeSpan);
        }
        catch (ObjectDisposedException)
        {
            // The silo has stopped meanwhile.
        }
    }

    private static KafkaStreamContext Context(IServiceProvider services, string name, bool reads)
    {
        var options = services.GetRequiredService<IOptionsMonitor<KafkaStreamOptions>>().Get(name);
        var data = services.GetKeyedService<KafkaDataAdapter>(name)
            ?? services.GetService<KafkaDataAdapter>()
            ?? throw new OrleansConfigurationException(
                $"The Kafka stream provider {name} does not know what its records are: say it in AddKafkaStreams by UseMessages or UseDataAdapter, or register a {nameof(KafkaDataAdapter)} as a singleton.");
        var metrics = services.GetRequiredService<StreamingKafkaMetrics>();
        var time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        var loggers = services.GetRequiredService<ILoggerFactory>();
        return new KafkaStreamContext(name, options, data, metrics, time, loggers)
        {
            DeadLetters = new DeadLetterWriter(options, metrics, time, loggers.CreateLogger<DeadLetterWriter>()),
            Topics = new KafkaTopics(options, time, loggers.CreateLogger<KafkaTopics>()),
            Positions = services.GetKeyedService<KafkaPositionStore>(name),
            Agents = reads ? services.GetRequiredService<PullingAgents>() : null,
            Holders = reads ? services.GetRequiredService<PartitionHolders>() : null,
        };
    }
}
