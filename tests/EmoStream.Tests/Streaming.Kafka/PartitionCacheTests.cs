using System.Diagnostics.Metrics;
using Confluent.Kafka;
using CsCheck;
using EmoStream.Streaming.Kafka;
using EmoStream.Streaming.Kafka.Cache;
using EmoStream.Streaming.Kafka.DeadLetters;
using EmoStream.Streaming.Kafka.Reading;
using EmoStream.Tests.ServiceDefaults;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Orleans.Streams;

namespace EmoStream.Tests.Streaming.Kafka;

public sealed partial class PartitionCacheTests : IDisposable
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);
    private readonly OffsetTracker _tracker = new(1_000_000, long.MaxValue);
    private readonly FakeTimeProvider _time = new();
    private readonly CapturedLogs _logs = new();
    private readonly KafkaStreamContext _context;
    private readonly PartitionCache _cache;
    private long _next;

    public PartitionCacheTests()
    {
        var meters = new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>();
        // Nobody listens there: what is parked stays under way.
        var options = new KafkaStreamOptions { DeliveryBatch = 3, BootstrapServers = "127.0.0.1:1", Topic = "t", DeadLetterTopic = "t.dlq", ParkingTopic = "t.parked", UseAdminRequests = false };
        options.RetryDelays.Clear();
        options.RetryDelays.Add(TimeSpan.FromSeconds(1));
        options.RetryDelays.Add(TimeSpan.FromSeconds(5));
        var metrics = new StreamingKafkaMetrics(meters);
        _context = new KafkaStreamContext("Kafka", options, new NoAdapter(), metrics, _time, new LoggerFactory([_logs]))
        {
            DeadLetters = new DeadLetterWriter(options, metrics, _time, NullLogger<DeadLetterWriter>.Instance),
            Topics = new KafkaTopics(options, _time, NullLogger<KafkaTopics>.Instance),
        };
        _cache = new PartitionCache(_context, 0, _tracker);
        _tracker.StartAt(0);
    }

    public void Dispose()
    {
        _cache.SettleClosed();
        _context.DeadLetters.Dispose();
        _context.Topics.Dispose();
        _context.Loggers.Dispose();
        _logs.Dispose();
    }

    [Fact]
    public void MoveNext_SeveralWaiting_OneBatchUpToTheLimitInOrder()
    {
        Add("a", "b", "a", "a", "a");
        using var cursor = _cache.GetCacheCursor(Id("a"), null);
        Assert.Equal([0L, 2, 3], Next(cursor));
        Assert.Equal([4L], Next(cursor));
        Assert.False(Moves(cursor));
    }

    [Fact]
    public void MoveNext_AfterDelivery_CompletesThePreviousBatchOnly()
    {
        Add("a", "b", "a");
        using var a = _cache.GetCacheCursor(Id("a"), null);
        using var b = _cache.GetCacheCursor(Id("b"), null);
        Next(a);
        Assert.Equal(0, _tracker.Watermark);
        Assert.False(Moves(a));
        Assert.Equal(1, _tracker.Watermark);
        Next(b);
        Assert.Equal(1, _tracker.Watermark);
        Assert.False(Moves(b));
        Assert.Equal(3, _tracker.Watermark);
    }

    [Fact]
    public void GetCacheCursor_AnyToken_StartsAtTheFirstThatIsNotDone()
    {
        Add("a", "a");
        using (var cursor = _cache.GetCacheCursor(Id("a"), null))
        {
            Next(cursor);
            cursor.RecordDeliveryFailure();
        }
        _time.Advance(Long);
        using var late = _cache.GetCacheCursor(Id("a"), new KafkaSequenceToken("t/0", 1_000));
        Assert.Equal([0L, 1], Next(late));
        using var early = _cache.GetCacheCursor(Id("a"), new KafkaSequenceToken("other/0", 0));
        Assert.Equal([0L, 1], Next(early));
    }

    [Fact]
    public void Settle_TwoSubscribers_DoneWhenBothHaveTaken()
    {
        Add("a");
        using var one = _cache.GetCacheCursor(Id("a"), null);
        using var two = _cache.GetCacheCursor(Id("a"), null);
        Next(one);
        Assert.False(Moves(one));
        Assert.Equal(0, _tracker.Watermark);
        Next(two);
        Assert.False(Moves(two));
        Assert.Equal(1, _tracker.Watermark);
    }

    [Fact]
    public void Purge_RegistrationPinReleased_EventsOfTheSubscriberAreDone()
    {
        Add("a");
        var pin = _cache.GetCacheCursor(Id("a"), null);
        using var subscriber = _cache.GetCacheCursor(Id("a"), null);
        Next(subscriber);
        Assert.False(Moves(subscriber));
        pin.Dispose();
        Assert.Equal(0, _tracker.Watermark);
        Assert.False(_cache.TryPurgeFromCache(out _));
        Assert.Equal(1, _tracker.Watermark);
    }

    [Fact]
    public void Purge_NoSubscriber_KeepsTheEvents()
    {
        Add("a");
        _cache.GetCacheCursor(Id("a"), null).Dispose();
        _cache.TryPurgeFromCache(out _);
        Assert.Equal(0, _tracker.Watermark);
        using var cursor = _cache.GetCacheCursor(Id("a"), null);
        Assert.Equal([0L], Next(cursor));
    }

    [Fact]
    public void Announce_StreamThatTheAgentForgot_IsOfferedOnceAndKeepsItsOrder()
    {
        Add("a", "a", "b");
        using var other = _cache.GetCacheCursor(Id("b"), null);
        var failing = _cache.GetCacheCursor(Id("a"), null);
        Next(failing);
        failing.RecordDeliveryFailure();
        failing.Dispose();
        _cache.TryPurgeFromCache(out _);

        List<IBatchContainer> announced = [];
        _cache.Announce(announced);

        Assert.Equal(Id("a"), Assert.Single(announced).StreamId);
        Add("a");
        _cache.AddToCache(announced);
        using var again = _cache.GetCacheCursor(Id("a"), announced[0].SequenceToken);
        Assert.Equal([0L, 1L, 3L], Next(again));
        List<IBatchContainer> nothing = [];
        _cache.Announce(nothing);
        Assert.Empty(nothing);
    }

    [Fact]
    public void SettleClosed_DeliveredAndFailedUnderWay_OnlyTheDeliveredIsDone()
    {
        Add("a", "b", "a", "c");
        var a = _cache.GetCacheCursor(Id("a"), null);
        var b = _cache.GetCacheCursor(Id("b"), null);
        var c = _cache.GetCacheCursor(Id("c"), null);
        Next(a);
        Next(b);
        Next(c);
        b.RecordDeliveryFailure();
        a.Dispose();
        b.Dispose();
        c.Dispose();
        Assert.Equal(0, _tracker.Watermark);
        _cache.SettleClosed();
        Assert.Equal(1, _tracker.Watermark);
        Assert.Equal(1, _tracker.Records);
    }

    [Fact]
    public void SettleClosed_OneOfTwoSubscribersNotStarted_NothingIsDone()
    {
        Add("a");
        var one = _cache.GetCacheCursor(Id("a"), null);
        var two = _cache.GetCacheCursor(Id("a"), null);
        Next(one);
        two.Dispose();
        one.Dispose();
        _cache.SettleClosed();
        Assert.Equal(0, _tracker.Watermark);
    }

    [Fact]
    public void AddToCache_NewerGeneration_DropsWhatIsUndeliveredAndDeliversItOnceFromTheNewOne()
    {
        Add("a", "a", "b", "a");
        using var a = _cache.GetCacheCursor(Id("a"), null);
        using var b = _cache.GetCacheCursor(Id("b"), null);
        Next(b);
        b.RecordDeliveryFailure();
        Rewind(1);
        Assert.True(_tracker.HoldsEarlier);
        Add("a", "b");
        Assert.False(_tracker.HoldsEarlier);
        Assert.Equal([1L], Next(a));
        Assert.Equal([2L], Next(b));
        Assert.False(Moves(a));
        Assert.Equal(2, _tracker.Watermark);
        Assert.False(Moves(b));
        Assert.Equal(3, _tracker.Watermark);
        Assert.Equal(0, _tracker.Records);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AddToCache_NewerGenerationDuringADelivery_ItsEndCompletesNothing(bool fails)
    {
        Add("a", "a");
        using var cursor = _cache.GetCacheCursor(Id("a"), null);
        Assert.Equal([0L, 1], Next(cursor));
        Rewind(0);
        Add("a", "a", "a");
        if (fails)
        {
            cursor.RecordDeliveryFailure();
        }
        Assert.Equal([0L, 1, 2], Next(cursor));
        Assert.Equal(0, _tracker.Watermark);
        Assert.False(Moves(cursor));
        Assert.Equal(3, _tracker.Watermark);
    }

    [Fact]
    public void AddToCache_NewerGenerationAfterTheCursorClosed_SettlesNothingOfIt()
    {
        Add("a", "a");
        var cursor = _cache.GetCacheCursor(Id("a"), null);
        Next(cursor);
        Rewind(0);
        Add("a");
        cursor.Dispose();
        _cache.SettleClosed();
        Assert.Equal(0, _tracker.Watermark);
    }

    /// <summary>Any mix of arrivals, deliveries and failures: every stream gets all its events in order, and the watermark is never past an undelivered one.</summary>
    [Fact]
    public void Deliveries_AnyInterleaving_CompleteInOrderAndNeverCommittedTooFar() =>
        Gen.Int[0, int.MaxValue].Sample(seed =>
        {
            using var tests = new PartitionCacheTests();
            tests.Interleave(new Random(seed));
        });

    private void Interleave(Random random)
    {
        string[] streams = ["a", "b", "c", "d"];
        var cursors = new Dictionary<string, IQueueCacheCursor>();
        var sent = streams.ToDictionary(s => s, _ => new List<long>());
        var delivered = streams.ToDictionary(s => s, _ => new List<long>());
        var underWay = new Dictionary<string, List<long>>();
        for (var step = 0; step < 300; step++)
        {
            var stream = streams[random.Next(streams.Length)];
            _time.Advance(Long);
            switch (random.Next(5))
            {
                case 0 or 1:
                    sent[stream].Add(_next);
                    Add(stream);
                    break;
                case 2 when underWay.Remove(stream):
                    cursors[stream].RecordDeliveryFailure();
                    break;
                case 3:
                    _cache.TryPurgeFromCache(out _);
                    break;
                default:
                    Deliver(stream);
                    break;
            }
            var open = streams.SelectMany(s => sent[s].Except(delivered[s])).Order().ToList();
            Assert.True(_tracker.Watermark <= (open.Count == 0 ? _next : open[0]), $"watermark {_tracker.Watermark} past {open.FirstOrDefault()}");
        }
        _time.Advance(Long);
        foreach (var stream in streams)
        {
            while (Deliver(stream))
            {
            }
            Assert.Equal(sent[stream], delivered[stream]);
        }
        Assert.Equal(_next, _tracker.Watermark);
        Assert.Equal(0, _tracker.Records);

        bool Deliver(string stream)
        {
            if (!cursors.TryGetValue(stream, out var cursor))
            {
                cursors.Add(stream, cursor = _cache.GetCacheCursor(Id(stream), null));
            }
            if (underWay.Remove(stream, out var taken))
            {
                delivered[stream].AddRange(taken);
            }
            if (!Moves(cursor))
            {
                return false;
            }
            underWay[stream] = Current(cursor);
            return true;
        }
    }

    private Origin _origin = new("t/0", 0, null);

    private static StreamId Id(string stream) => StreamId.Create("n", stream);

    private void Rewind(long offset)
    {
        _tracker.Rewind(_next = offset);
        _origin = _origin with { Generation = _origin.Generation + 1 };
    }

    private void Add(params string[] streams)
    {
        List<IBatchContainer> batch = [];
        foreach (var stream in streams)
        {
            batch.Add(Read(stream, stream, null));
        }
        _cache.AddToCache(batch);
    }

    private CachedEvent Read(string stream, object value, ConsumeResult<byte[]?, byte[]?>? record)
    {
        var item = new CachedEvent(_origin, _next++, 10, Id(stream), value) { Record = record };
        _tracker.Add(item);
        return item;
    }

    private static void Fail(IQueueCacheCursor cursor, Exception? failure)
    {
        ((KafkaBatchContainer)cursor.GetCurrent(out _)!).Failure = failure;
        cursor.RecordDeliveryFailure();
    }

    private static void Refuse(IQueueCacheCursor cursor, params long[] offsets)
    {
        var taken = Next(cursor);
        if (offsets.Length > 0)
        {
            Assert.Equal(offsets, taken);
        }
        Fail(cursor, new InvalidOperationException());
    }

    private List<StreamId> Announced()
    {
        List<IBatchContainer> batch = [];
        _cache.AnnounceRetries(batch);
        return [.. batch.Select(b => b.StreamId)];
    }

    private sealed class NoAdapter : KafkaDataAdapter
    {
        public override KafkaDecoded Decode(in KafkaRecord record) => throw new NotSupportedException();
    }

    private static bool Moves(IQueueCacheCursor cursor) => cursor.MoveNextWithResult().Kind == QueueCacheCursorMoveResultKind.Success;

    private static List<long> Next(IQueueCacheCursor cursor)
    {
        Assert.True(Moves(cursor));
        return Current(cursor);
    }

    private static List<long> Current(IQueueCacheCursor cursor)
    {
        var batch = cursor.GetCurrent(out var error);
        Assert.Null(error);
        return [.. batch!.GetEvents<string>().Select(e => ((KafkaSequenceToken)e.Item2).Offset)];
    }
}
