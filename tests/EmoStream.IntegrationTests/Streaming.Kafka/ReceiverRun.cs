using EmoStream.Streaming.Kafka;
using EmoStream.Streaming.Kafka.Cache;
using EmoStream.Streaming.Kafka.DeadLetters;
using EmoStream.Streaming.Kafka.Reading;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans.Streams;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>The receiver of partition 0 without an agent: the test reads.</summary>
internal sealed class ReceiverRun : IAsyncDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().AddSingleton<StreamingKafkaMetrics>().BuildServiceProvider();
    private readonly KafkaStreamContext _context;
    private readonly PartitionReceiver _receiver;

    public ReceiverRun(string servers, string topic, bool answersAdminRequests, TimeSpan longPoll, TimeProvider? time = null)
    {
        var options = new KafkaStreamOptions
        {
            BootstrapServers = servers,
            Topic = topic,
            DeadLetterTopic = topic + ".dlq",
            GroupId = topic,
            UseAdminRequests = answersAdminRequests,
            LongPoll = longPoll,
        };
        options.RetryDelays.Clear(); // nothing is parked
        var metrics = _services.GetRequiredService<StreamingKafkaMetrics>();
        _context = new("Kafka", options, new ProbeAdapter(), metrics, time ?? TimeProvider.System, NullLoggerFactory.Instance)
        {
            DeadLetters = new DeadLetterWriter(options, metrics, TimeProvider.System, NullLogger<DeadLetterWriter>.Instance),
            Topics = new KafkaTopics(options, TimeProvider.System, NullLogger<KafkaTopics>.Instance),
        };
        var tracker = new OffsetTracker(options.CacheRecords, options.CacheBytes);
        _receiver = new(_context, 0, tracker, new PartitionCache(_context, 0, tracker));
        _receiver.Initialize(TimeSpan.Zero);
    }

    public Task<IList<IBatchContainer>> ReadAsync() => ReadUntilAsync(CancellationToken.None);

    /// <summary>A read that the agent ends.</summary>
    public Task<IList<IBatchContainer>> ReadUntilAsync(CancellationToken cancellationToken) =>
        _receiver.GetQueueMessagesAsync(100, cancellationToken).WaitAsync(EmoStream.Testing.Eventually.Timeout, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _receiver.Shutdown(TimeSpan.FromSeconds(20));
        _context.DeadLetters.Dispose();
        _context.Topics.Dispose();
        await _services.DisposeAsync();
    }
}
