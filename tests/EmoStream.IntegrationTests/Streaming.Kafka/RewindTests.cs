using Confluent.Kafka;
using EmoStream.Streaming.Kafka;
using EmoStream.Streaming.Kafka.Ownership;
using EmoStream.Testing;
using EmoStream.Testing.Kafka;
using Microsoft.Extensions.Time.Testing;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>Where a reader reads when its positions lie with the effects, and what it does when those are lost.</summary>
public sealed partial class RewindTests(KafkaFixture kafka)
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
    public async Task Start_PositionOfAnotherLifeBehindATransactionsMark_EarlierByTheMarginAllTheSame()
    {
        await using var run = await RunAsync(
            new Positions { Offset = 11, IsSure = false }, records: 10, options => options.RewindMargin = TimeSpan.FromSeconds(3), inTransaction: true);
        run.Start();

        // Number 10 is the mark; the look back for a record doubles its steps and finds number 9.
        Assert.Equal([6L, 7, 8, 9], await run.TakeAsync(4));
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
    public async Task Commit_DoneRightBeforeReadingIsPositionedAnew_CommittedWithoutAnotherRecord()
    {
        var positions = new Positions { Offset = 0 };
        await using var run = await RunAsync(positions, records: 2);
        run.Start();
        await run.TakeAsync(2);

        run.Complete(0, 1);
        positions.Doubt();

        await run.CommittedAsync(2);
        Assert.Equal((2, 2), (positions.Claims, positions.Offset));
    }

    [Fact]
    public async Task Commit_PositionedAnewWhileSomethingIsUndone_NamesNothingBehindItAlsoAfterHours()
    {
        var positions = new Positions { Offset = 0 };
        var time = new FakeTimeProvider();
        await using var run = await RunAsync(positions, records: 2, time: time);
        run.Start();
        await run.TakeAsync(2);
        positions.Doubt();
        await Eventually.TrueAsync(() => positions.Claims == 2, () => $"{positions.Claims} claims");
        run.Complete(0);

        for (var i = 0; i < 3; i++)
        {
            // Each time the reader looks: it commits what was noted, and hours later the same again.
            await Eventually.TrueAsync(
                () =>
                {
                    time.Advance(TimeSpan.FromHours(2));
                    return run.Committed() == 1;
                },
                () => $"offset 1 committed, is {run.Committed()}");
            await run.ForgetCommittedAsync();
        }
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
    public async Task Lag_PositionIsNotKnownYet_NothingIsSaid()
    {
        var claimable = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var run = await RunAsync(new Positions { Offset = 0, Claimable = claimable.Task }, records: 3);
        run.Start();

        run.Meters.Observe("kafka_consumergroup_lag");
        Assert.Equal((0, 0, 1), (run.Meters.CountOf("kafka_consumergroup_lag"), run.Meters.CountOf("emostream.kafka.lag"), run.Meters.CountOf("emostream.kafka.cache.records")));
        Assert.Equal((0, 0), (run.Meters.CountOf("emostream.kafka.lag.time"), run.Meters.CountOf("emostream.kafka.watermark.age")));

        claimable.SetResult();
        await run.TakeAsync(3);
        Assert.Equal(3, run.Meters.Observe("kafka_consumergroup_lag"));
        Assert.NotEqual(0, run.Meters.CountOf("emostream.kafka.lag.time"));
        Assert.NotEqual(0, run.Meters.CountOf("emostream.kafka.watermark.age"));
    }

    [Fact]
    public async Task Rewind_StreamIsParkedWhileItComesAgain_NothingBehindIsLeftOut()
    {
        var topic = "";
        await using var run = await RunAsync(new Positions { Offset = 0 }, records: 6, options => (topic, options.CacheRecords) = (options.Topic, 2));
        await (await kafka.BrokerAsync()).CreateTopicAsync(topic + ".dlq", 1);
        run.Start();
        for (var i = 0; i < 6; i += 2)
        {
            run.Complete([.. await run.TakeAsync(2)]);
        }
        Assert.Equal(0, (await run.RewindAsync(0))!.From);
        Assert.Equal([0L, 1], await run.TakeAsync(2));

        run.GiveUp(0, 1);

        Assert.Equal([2L, 3], await run.TakeAsync(2));
        run.Complete(2, 3);
        Assert.Equal([4L, 5], await run.TakeAsync(2));
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

    [Fact]
    public async Task Rewind_NoteUnderWay_NothingHappensUntilItHasLanded()
    {
        var positions = new Positions { Offset = 0 };
        await using var run = await RunAsync(positions, records: 3);
        run.Start();
        await run.TakeAsync(3);
        var hold = positions.Hold = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var asked = positions.Until(2);
        run.Complete(0, 1);
        await asked;

        Assert.Null(await run.RewindAsync(1));

        Assert.Equal(0, positions.Offset);
        hold.SetResult();
        await Eventually.TrueAsync(async _ => await run.RewindAsync(1) is { From: 1 }, () => "the note has landed");
        Assert.Equal(1, positions.Offset);
        Assert.Equal([1L, 2], await run.TakeAsync(2));
    }

    [Fact]
    public async Task Rewind_AskedLongAgo_NothingHappens()
    {
        var time = new FakeTimeProvider();
        await using var run = await RunAsync(new Positions { Offset = 2 }, records: 4, time: time);
        var given = run.RewindAsync(0);
        time.Advance(TimeSpan.FromSeconds(10));
        var recent = run.RewindAsync(1);

        run.Start();

        Assert.Null(await given);
        Assert.Equal(1, (await recent)!.From);
        Assert.Equal([1L, 2, 3], await run.TakeAsync(3));
    }

    [Fact]
    public async Task Rewind_CacheHoldsWhatWasReadBeforeTheLastOne_NothingHappensUntilItForgot()
    {
        await using var run = await RunAsync(new Positions { Offset = 0 }, records: 3);
        run.Start();
        await run.TakeAsync(3);
        Assert.Equal(0, (await run.RewindAsync(0))!.From);
        await run.TakeAsync(3);
        Assert.Null(await run.RewindAsync(0));

        run.TakeUp(0);

        Assert.Equal(0, (await run.RewindAsync(0))!.From);
        Assert.Equal([0L, 1, 2], await run.TakeAsync(3));
    }

    private async Task<ReaderRun> RunAsync(
        Positions positions, int records, Action<KafkaStreamOptions>? configure = null, TimeProvider? time = null, PartitionHolders? holders = null,
        bool inTransaction = false)
    {
        var broker = await kafka.BrokerAsync();
        var topic = await kafka.CreateTopicAsync();
        await (await kafka.BrokerAsync()).CreateTopicAsync(topic + ".parked", 1);
        using var producer = new ProducerBuilder<string, string>(
            new ProducerConfig { BootstrapServers = broker.BootstrapServers, TransactionalId = inTransaction ? topic : null }).Build();
        if (inTransaction)
        {
            producer.InitTransactions(Eventually.Timeout);
            producer.BeginTransaction();
        }
        for (var i = 0; i < records; i++)
        {
            await producer.ProduceAsync(
                new TopicPartition(topic, 0), new() { Key = "s", Value = $"{i}", Timestamp = new Timestamp(Start.AddSeconds(i)) }, TestContext.Current.CancellationToken);
        }
        if (inTransaction)
        {
            producer.CommitTransaction(Eventually.Timeout);
            // Kafka answers before it writes the mark.
            using var written = new KafkaProgress(broker.BootstrapServers, topic, topic, 1);
            await Eventually.TrueAsync(async _ => (await written.ReadAsync()).Produced == records + 1, () => "the transaction's mark");
        }
        var options = new KafkaStreamOptions
        {
            BootstrapServers = broker.BootstrapServers,
            Topic = topic,
            DeadLetterTopic = topic + ".dlq",
            ParkingTopic = topic + ".parked",
            GroupId = topic,
        };
        configure?.Invoke(options);
        return new ReaderRun(options, positions, time, holders);
    }
}
