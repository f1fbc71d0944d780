using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka;
using EmoStream.Streaming.Kafka.Cache;
using EmoStream.Streaming.Kafka.DeadLetters;
using EmoStream.Streaming.Kafka.Ownership;
using EmoStream.Streaming.Kafka.Reading;
using EmoStream.Testing;
using EmoStream.Testing.Kafka;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Primitives;
using Orleans.Streams;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>Where a reader reads when its positions lie with the effects, and what it does when those are lost.</summary>
public sealed class RewindTests(KafkaFixture kafka)
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Start_PositionInTheStore_KafkasOwnIsNotAsked()
    {
        await using var run = await RunAsync(new Positions { Offset = 3 }, records: 6);
        run.Start();

        Assert.Equal([3L, 4, 5], await run.TakeAsync(3));
    }

    [Fact]
    public async Task Start_NothingInTheStore_FromTheFirstRecord()
    {
        await using var run = await RunAsync(new Positions(), records: 2);
        await run.CommitAsync(2);
        run.Start();

        Assert.Equal([0L, 1], await run.TakeAsync(2));
    }

    [Fact]
    public async Task Start_PositionOfAnotherLife_EarlierByTheMarginOfTheRecordsTime()
    {
        await using var run = await RunAsync(new Positions { Offset = 8, IsSure = false }, records: 10, options => options.RewindMargin = TimeSpan.FromSeconds(3));
        run.Start();

        // Records are a second apart: the one before the position is number 7, and 3 seconds before it comes number 4.
        Assert.Equal([4L, 5, 6, 7, 8, 9], await run.TakeAsync(6));
    }

    [Fact]
    public async Task Lost_WhileTheCacheIsFull_ReadsAgainFromThePositionUnderTheNewFence()
    {
        var positions = new Positions();
        await using var run = await RunAsync(positions, records: 8, options => options.CacheRecords = 4);
        run.Start();
        Assert.Equal([0L, 1, 2, 3], await run.TakeAsync(4));
        var before = run.Origin;
        run.Complete(0, 1);
        Assert.Equal([4L, 5], await run.TakeAsync(2));
        await positions.Until(2);

        positions.Lose(offset: 1);

        Assert.Equal([1L, 2, 3, 4], await run.TakeAsync(4));
        Assert.Equal((before.Source, before.Generation + 1, "life 2"), (run.Origin.Source, run.Origin.Generation, run.Origin.Fence));
        Assert.Equal("life 1", before.Fence);
        Assert.Equal(1, run.Meters.CountOf("emostream.kafka.rewinds"));
        await run.CommittedAsync(1);
        run.Complete(1, 2, 3);
        await positions.Until(4);
    }

    [Fact]
    public async Task Commit_StoreDoesNotNote_KafkaIsNotTold()
    {
        var positions = new Positions { Offset = 0 };
        await using var run = await RunAsync(positions, records: 4);
        run.Start();
        await run.TakeAsync(4);
        positions.Answer = () => throw new TimeoutException();
        var asked = positions.Until(3);
        run.Complete(0, 1, 2);
        await asked;

        await run.StopAsync();

        Assert.Equal(0, run.Committed());
    }

    [Fact]
    public async Task Advance_AnotherOwnerHasClaimed_StartsAnewWhereThatIs()
    {
        var positions = new Positions { Offset = 0 };
        await using var run = await RunAsync(positions, records: 6);
        run.Start();
        await run.TakeAsync(6);
        positions.Answer = () =>
        {
            positions.Answer = () => KafkaAdvance.Noted;
            positions.Offset = 4;
            return KafkaAdvance.Superseded;
        };
        run.Complete(0);

        Assert.Equal([4L, 5], await run.TakeAsync(2));
        Assert.Equal(2, positions.Claims);
        Assert.Equal(1, run.Meters.CountOf("emostream.kafka.handovers"));
        Assert.Equal(["kind", "messaging.destination.partition.id"], run.Meters.TagsOf("emostream.kafka.handovers").Order());
    }

    [Fact]
    public async Task Stop_WatermarkNotedYet_NotedAndCommitted()
    {
        var positions = new Positions { Offset = 0 };
        await using var run = await RunAsync(positions, records: 3);
        run.Start();
        await run.TakeAsync(3);
        run.Complete(0, 1);

        await run.StopAsync();

        Assert.Equal(2, positions.Offset);
        Assert.Equal(2, run.Committed());
    }

    [Fact]
    public async Task Rewind_OnRequest_PositionInTheStoreGoesBackFirstAndForwardAgain()
    {
        var positions = new Positions { Offset = 0 };
        await using var run = await RunAsync(positions, records: 6);
        run.Start();
        await run.TakeAsync(6);
        run.Complete(0, 1, 2, 3);
        await positions.Until(4);

        Assert.Equal(2, (await run.RewindAsync(2))!.From);

        Assert.Equal(2, positions.Offset);
        Assert.Equal([2L, 3, 4, 5], await run.TakeAsync(4));
        run.Complete(2, 3, 4);
        await positions.Until(5);
        await run.CommittedAsync(5);
    }

    [Fact]
    public async Task Rewind_PositionIsNotNoted_NothingHappens()
    {
        var positions = new Positions { Offset = 0 };
        await using var run = await RunAsync(positions, records: 3);
        run.Start();
        await run.TakeAsync(3);
        run.Complete(0, 1, 2);
        await positions.Until(3);
        var origin = run.Origin;
        positions.Answer = () => throw new TimeoutException();

        Assert.Null(await run.RewindAsync(1));

        positions.Answer = () => KafkaAdvance.Noted;
        Assert.Equal(1, (await run.RewindAsync(1))!.From);
        Assert.Equal([1L, 2], await run.TakeAsync(2));
        Assert.Equal(origin.Generation + 1, run.Origin.Generation);
    }

    private async Task<ReaderRun> RunAsync(Positions positions, int records, Action<KafkaStreamOptions>? configure = null)
    {
        var broker = await kafka.BrokerAsync();
        var topic = await kafka.CreateTopicAsync();
        using var producer = new ProducerBuilder<string, string>(new ProducerConfig { BootstrapServers = broker.BootstrapServers }).Build();
        for (var i = 0; i < records; i++)
        {
            await producer.ProduceAsync(
                new TopicPartition(topic, 0), new() { Key = "s", Value = $"{i}", Timestamp = new Timestamp(Start.AddSeconds(i)) }, TestContext.Current.CancellationToken);
        }
        var options = new KafkaStreamOptions
        {
            BootstrapServers = broker.BootstrapServers,
            Topic = topic,
            DeadLetterTopic = topic + ".dlq",
            GroupId = topic,
        };
        configure?.Invoke(options);
        return new ReaderRun(options, positions);
    }

    /// <summary>A reader whose events the test takes and completes.</summary>
    private sealed class ReaderRun : IAsyncDisposable
    {
        private readonly KafkaStreamOptions _options;
        private readonly ServiceProvider _services;
        private readonly KafkaStreamContext _context;
        private readonly OffsetTracker _tracker;
        private readonly Channel<IBatchContainer> _channel = Channel.CreateUnbounded<IBatchContainer>();
        private readonly Dictionary<long, CachedEvent> _taken = [];
        private readonly PartitionReader _reader;
        private bool _stopped;

        public ReaderRun(KafkaStreamOptions options, Positions positions)
        {
            _options = options;
            _services = new ServiceCollection().AddMetrics().AddSingleton<StreamingKafkaMetrics>().BuildServiceProvider();
            var metrics = _services.GetRequiredService<StreamingKafkaMetrics>();
            Meters = new MeterProbe(_services);
            _context = new KafkaStreamContext("Kafka", options, new ProbeAdapter(), metrics, TimeProvider.System, NullLoggerFactory.Instance)
            {
                DeadLetters = new DeadLetterWriter(options, metrics, TimeProvider.System, NullLogger<DeadLetterWriter>.Instance),
                Topics = new KafkaTopics(options, TimeProvider.System, NullLogger<KafkaTopics>.Instance),
                Positions = positions,
            };
            _tracker = new OffsetTracker(options.CacheRecords, options.CacheBytes);
            _reader = new PartitionReader(_context, 0, _tracker, _channel.Writer);
        }

        /// <summary>Of the event that was taken last.</summary>
        public Origin Origin { get; private set; } = null!;

        public MeterProbe Meters { get; }

        public void Start() => _reader.Start();

        public Task<RewindOutcome?> RewindAsync(long offset) => _reader.RewindAsync(new(offset, null, null, null))
            .WaitAsync(Eventually.Timeout, TestContext.Current.CancellationToken);

        public async Task<List<long>> TakeAsync(int count)
        {
            List<long> offsets = [];
            while (offsets.Count < count)
            {
                var item = (CachedEvent)await _channel.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask()
                    .WaitAsync(Eventually.Timeout, TestContext.Current.CancellationToken);
                _taken[item.Offset] = item;
                Origin = item.Origin;
                offsets.Add(item.Offset);
            }
            return offsets;
        }

        public void Complete(params ReadOnlySpan<long> offsets)
        {
            foreach (var offset in offsets)
            {
                _tracker.Complete(_taken[offset]);
            }
        }

        public Task CommitAsync(long offset) => Task.Run(() =>
        {
            using var consumer = Consumer();
            consumer.Commit([new TopicPartitionOffset(_options.Topic, 0, offset)]);
        });

        public long Committed()
        {
            using var consumer = Consumer();
            return consumer.Committed([new TopicPartition(_options.Topic, 0)], TimeSpan.FromSeconds(10))[0].Offset.Value;
        }

        public Task CommittedAsync(long offset) => Eventually.TrueAsync(() => Committed() == offset, () => $"offset {offset} committed, is {Committed()}");

        public async Task StopAsync()
        {
            _stopped = true;
            await _reader.StopAsync(TimeSpan.FromSeconds(10));
        }

        public async ValueTask DisposeAsync()
        {
            if (!_stopped)
            {
                await StopAsync();
            }
            Meters.Dispose();
            _context.DeadLetters.Dispose();
            _context.Topics.Dispose();
            await _services.DisposeAsync();
        }

        private IConsumer<string, string> Consumer() => new ConsumerBuilder<string, string>(
            new ConsumerConfig { BootstrapServers = _options.BootstrapServers, GroupId = _options.GroupId, EnableAutoCommit = false }).Build();
    }

    /// <summary>A store in memory that can lose what it knew.</summary>
    [SuppressMessage("Reliability", "CA1001", Justification = "A token source without a timer holds nothing.")]
    private sealed class Positions : KafkaPositionStore
    {
        private readonly Lock _lock = new();
        private readonly List<(long Offset, TaskCompletionSource Met)> _waits = [];
        private CancellationTokenSource _lost = new();
        private int _life = 1;

        public long? Offset { get; set; }

        public bool IsSure { get; set; } = true;

        public int Claims { get; private set; }

        public Func<KafkaAdvance> Answer { get; set; } = () => KafkaAdvance.Noted;

        public override IChangeToken Lost => new CancellationChangeToken(_lost.Token);

        public void Lose(long offset)
        {
            var lost = _lost;
            lock (_lock)
            {
                (_life, Offset, _lost) = (_life + 1, offset, new());
            }
            lost.Cancel();
        }

        /// <summary>Armed at once; met when somebody wants to advance to the offset.</summary>
        public async Task Until(long offset)
        {
            var met = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            lock (_lock)
            {
                _waits.Add((offset, met));
                if (Offset >= offset)
                {
                    met.TrySetResult();
                }
            }
            await met.Task.WaitAsync(Eventually.Timeout, TestContext.Current.CancellationToken);
        }

        public override ValueTask<KafkaPosition> ClaimAsync(string source, CancellationToken cancellationToken)
        {
            lock (_lock)
            {
                return new(new KafkaPosition($"life {_life}", ++Claims, Offset, IsSure));
            }
        }

        public override async ValueTask<KafkaAdvance> AdvanceAsync(string source, KafkaPosition claimed, long offset, CancellationToken cancellationToken)
        {
            await Task.CompletedTask;
            lock (_lock)
            {
                foreach (var (wanted, met) in _waits)
                {
                    if (offset >= wanted)
                    {
                        met.TrySetResult();
                    }
                }
                var answer = claimed.Fence == $"life {_life}" ? Answer() : KafkaAdvance.Lost;
                if (answer == KafkaAdvance.Noted)
                {
                    Offset = offset;
                }
                return answer;
            }
        }
    }
}
