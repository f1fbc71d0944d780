using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka;
using EmoStream.Streaming.Kafka.Cache;
using EmoStream.Streaming.Kafka.DeadLetters;
using EmoStream.Streaming.Kafka.Ownership;
using EmoStream.Streaming.Kafka.Reading;
using EmoStream.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Primitives;
using Orleans.Streams;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <content>A reader and its store, in the test's hands.</content>
public sealed partial class RewindTests
{
    /// <summary>A reader whose events the test takes and completes.</summary>
    private sealed class ReaderRun : IAsyncDisposable
    {
        /// <summary>Not a silo's provider: that reads partitions of its own.</summary>
        public const string Name = "run";

        private readonly KafkaStreamOptions _options;
        private readonly ServiceProvider _services;
        private readonly KafkaStreamContext _context;
        private readonly OffsetTracker _tracker;
        private readonly Channel<IBatchContainer> _channel = Channel.CreateUnbounded<IBatchContainer>();
        private readonly Dictionary<long, CachedEvent> _taken = [];
        private readonly PartitionReader _reader;
        private bool _stopped;

        public ReaderRun(KafkaStreamOptions options, Positions positions, TimeProvider? time = null, PartitionHolders? holders = null)
        {
            _options = options;
            _services = new ServiceCollection().AddMetrics().AddSingleton<StreamingKafkaMetrics>().BuildServiceProvider();
            var metrics = _services.GetRequiredService<StreamingKafkaMetrics>();
            Meters = new MeterProbe(_services);
            _context = new KafkaStreamContext(Name, options, new ProbeAdapter(), metrics, time ?? TimeProvider.System, NullLoggerFactory.Instance)
            {
                DeadLetters = new DeadLetterWriter(options, metrics, TimeProvider.System, NullLogger<DeadLetterWriter>.Instance),
                Topics = new KafkaTopics(options, TimeProvider.System, NullLogger<KafkaTopics>.Instance),
                Positions = positions,
                Holders = holders,
            };
            _tracker = new OffsetTracker(options.CacheRecords, options.CacheBytes);
            Parking = new ParkingLot(_context, 0, _tracker);
            _reader = new PartitionReader(_context, 0, _tracker, _channel.Writer, Parking);
        }

        /// <summary>Of the event that was taken last.</summary>
        public Origin Origin { get; private set; } = null!;

        public MeterProbe Meters { get; }

        public ParkingLot Parking { get; }

        /// <summary>The reader's thread is at its end, or about to be.</summary>
        public bool IsEnded => _channel.Reader.Completion.IsCompleted;

        public void Start() => _reader.Start();

        /// <summary>Another reader of the same partition.</summary>
        public ReaderRun Rival() => new(_options, (Positions)_context.Positions!, holders: _context.Holders);

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

        /// <summary>As the cache does with the first record that comes again; of the event that was taken last.</summary>
        public void TakeUp(long offset) => _tracker.TakeUp(_taken[offset]);

        public void Complete(params ReadOnlySpan<long> offsets)
        {
            foreach (var offset in offsets)
            {
                _tracker.Complete(_taken[offset]);
            }
        }

        /// <summary>As another owner does that gives up an event of the stream.</summary>
        public Task ParkAsync(StreamId stream, long offset)
        {
            var position = $"{Origin.Source}@{offset}";
            return _context.DeadLetters.WriteStateAsync(
                0, stream, new ParkedState(ParkedState.NameOf(_options.GroupId, position), position, 0).With(position, extends: false), TestContext.Current.CancellationToken);
        }

        /// <summary>As the cache does with events that were refused too often.</summary>
        public void GiveUp(params long[] offsets) => Parking.Park([.. offsets.Select(offset => _taken[offset])], 0, new InvalidOperationException(), 1);

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

        /// <summary>As the broker does after <c>offsets.retention.minutes</c>.</summary>
        public async Task ForgetCommittedAsync()
        {
            using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = _options.BootstrapServers }).Build();
            await admin.DeleteConsumerGroupOffsetsAsync(_options.GroupId, [new(_options.Topic, 0)]);
        }

        public Task CommittedAsync(long offset) => Eventually.TrueAsync(() => Committed() == offset, () => $"offset {offset} committed, is {Committed()}");

        public async Task StopAsync()
        {
            _stopped = true;
            await _reader.StopAsync(TimeSpan.FromSeconds(10));
        }

        public Task AbandonAsync()
        {
            _stopped = true;
            return _reader.AbandonAsync().WaitAsync(Eventually.Timeout, TestContext.Current.CancellationToken);
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

        /// <summary>Owners that wanted to claim anew what a later one has.</summary>
        public int Denials { get; private set; }

        /// <summary>Notes of the owner that claimed last.</summary>
        public int Notes { get; private set; }

        /// <summary>Notes of owners before it.</summary>
        public int Refusals { get; private set; }

        /// <summary>No claim is answered before it.</summary>
        public Task Claimable { get; set; } = Task.CompletedTask;

        /// <summary>Claims, answered or not.</summary>
        public int Asked { get; private set; }

        public Func<KafkaAdvance> Answer { get; set; } = () => KafkaAdvance.Noted;

        /// <summary>The next note is not answered before it.</summary>
        public TaskCompletionSource? Hold { get; set; }

        public override IChangeToken Lost => new CancellationChangeToken(_lost.Token);

        public void Lose(long offset) => Doubt(() => (_life, Offset) = (_life + 1, offset));

        /// <summary>Has readers claim anew; they go on where they are when nothing has changed.</summary>
        public void Doubt(Action? change = null)
        {
            var lost = _lost;
            lock (_lock)
            {
                change?.Invoke();
                _lost = new();
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

        public override async ValueTask<KafkaPosition?> ClaimAsync(string source, KafkaPosition? held, CancellationToken cancellationToken)
        {
            lock (_lock)
            {
                Asked++;
            }
            await Claimable;
            lock (_lock)
            {
                if (held?.Epoch < Claims)
                {
                    Denials++;
                    return null;
                }
                return new KafkaPosition($"life {_life}", ++Claims, Offset, IsSure);
            }
        }

        public override async ValueTask<KafkaAdvance> AdvanceAsync(string source, KafkaPosition claimed, long offset, CancellationToken cancellationToken)
        {
            TaskCompletionSource? hold;
            lock (_lock)
            {
                (hold, Hold) = (Hold, null);
                foreach (var (wanted, met) in _waits)
                {
                    if (offset >= wanted)
                    {
                        met.TrySetResult();
                    }
                }
            }
            if (hold is not null)
            {
                await hold.Task;
            }
            lock (_lock)
            {
                var answer = claimed.Fence != $"life {_life}" ? KafkaAdvance.Lost
                    : claimed.Epoch < Claims ? KafkaAdvance.Superseded
                    : Answer();
                Notes += answer == KafkaAdvance.Noted ? 1 : 0;
                Refusals += answer == KafkaAdvance.Superseded ? 1 : 0;
                if (answer == KafkaAdvance.Noted)
                {
                    Offset = offset;
                }
                return answer;
            }
        }
    }
}
