using EmoStream.Contracts.Events;
using EmoStream.Testing;
using EmoStream.Testing.Cluster;
using EmoStream.Testing.Kafka;
using StackExchange.Redis;

namespace EmoStream.IntegrationTests.Pipeline;

/// <summary>An utterance is revised whose entry Redis does not give back: its conversation waits, and goes on with nothing twice.</summary>
public sealed class EntryReadBackTests(KafkaFixture kafka)
{
    [Fact]
    public async Task Revision_EntryGoneForAWhile_WhatWasBeforeItInTheDeliveryIsCommittedOnceAndTheRestFollows()
    {
        Assert.SkipUnless(PipelineRun.Unavailable is null, PipelineRun.Unavailable ?? "");
        await using var run = await PipelineRun.StartAsync(await kafka.BrokerAsync());
        var silo = await run.Cluster.StartSiloAsync();
        var said = Meetings.Sample.Where(sent => sent.Kind == UtteranceKind.Utterance).Take(32).ToList();
        await run.SendAsync(said.Take(30));
        await run.AppliedAsync();
        await using var redis = await ConnectionMultiplexer.ConnectAsync(run.Redis.ConnectionString);
        var database = redis.GetDatabase();
        var entries = $"emostream:{{{said[0].ConversationId}}}:entries";
        var revised = said[25].UtteranceId;
        var entry = await database.HashGetAsync(entries, revised);
        Assert.False(entry.IsNull);

        // While the silo stands still, so that the three come in one delivery, of which the second fails.
        silo.Freeze();
        await database.HashDeleteAsync(entries, revised);
        await run.SendAsync([said[30], said[25] with { Kind = UtteranceKind.Revision, Text = "I have thought better of it." }, said[31]]);
        silo.Thaw();
        await Eventually.TrueAsync(_ => database.HashExistsAsync(entries, said[30].UtteranceId), run.Cluster.Tail, TimeSpan.FromMinutes(1));
        Assert.False(await database.HashExistsAsync(entries, revised));
        Assert.False(await database.HashExistsAsync(entries, said[31].UtteranceId));

        await database.HashSetAsync(entries, revised, entry);
        await run.AppliedAsync();

        var timelines = await run.TimelinesAsync();
        run.Ledger.Compare(timelines).AssertClean();
        // Revised once, and once what had been scored with the older text in its context.
        Assert.Equal(
            said.Select((sent, i) => (sent.UtteranceId, i is >= 25 and <= 30 ? 1 : 0)),
            timelines.Single().Entries.Select(found => (found.UtteranceId, found.Revision)));
    }
}
