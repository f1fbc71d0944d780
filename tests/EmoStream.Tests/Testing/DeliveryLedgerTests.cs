using EmoStream.Contracts.Events;
using EmoStream.Contracts.Timeline;
using EmoStream.Testing.Ledger;

namespace EmoStream.Tests.Testing;

/// <summary>A ledger that cannot bite proves nothing: every kind of fault is planted once.</summary>
public sealed class DeliveryLedgerTests
{
    [Fact]
    public void Compare_EverythingInPlace_IsClean() =>
        Ledger("u1", "u2", "u3").Compare([Timeline(Entry("u1", 0), Entry("u2", 1), Entry("u3", 2))]).AssertClean();

    [Fact]
    public void Compare_MissingEntry_IsLost()
    {
        var report = Ledger("u1", "u2").Compare([Timeline(Entry("u1", 0))]);

        Assert.Equal([new("c", "u2")], report.Lost);
        var failure = Assert.ThrowsAny<Exception>(report.AssertClean);
        Assert.Contains("lost 1 (c/u2); doubled 0", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_MissingConversation_LosesAllOfIt() => Assert.Equal(2, Ledger("u1", "u2").Compare([]).Lost.Count);

    [Fact]
    public void Compare_TwoEntriesInOnePlace_AreDoubled() =>
        Assert.Equal([new("c", "u2")], Ledger("u1", "u2").Compare([Timeline(Entry("u1", 0), Entry("u2", 0, change: 2))]).Doubled);

    [Fact]
    public void Compare_TwoEntriesOfOneUtterance_AreDoubled() =>
        Assert.Contains(new("c", "u1"), Ledger("u1").Compare([Timeline(Entry("u1", 0), Entry("u1", 1))]).Doubled);

    [Fact]
    public void Compare_MoreChangesThanEvents_IsDoubled() =>
        Assert.Single(Ledger("u1").Compare([Timeline(Entry("u1", 0, change: 2))]).Doubled);

    [Fact]
    public void Compare_DuplicateSent_AllowsNoSecondChange()
    {
        var ledger = Ledger("u1", "u1");

        ledger.Compare([Timeline(Entry("u1", 0))]).AssertClean();
        Assert.Single(ledger.Compare([Timeline(Entry("u1", 0, change: 2))]).Doubled);
    }

    [Fact]
    public void Compare_LaterSentComesFirst_IsReordered() =>
        Assert.Equal(
            [new("c", "u1"), new("c", "u2")],
            Ledger("u1", "u2", "u3").Compare([Timeline(Entry("u3", 0), Entry("u1", 1), Entry("u2", 2))]).Reordered);

    [Fact]
    public void Compare_LostAheadOfOthers_IsNotReordered()
    {
        var report = Ledger("u1", "u2", "u3").Compare([Timeline(Entry("u2", 0), Entry("u3", 1))]);

        Assert.Empty(report.Reordered);
        Assert.Single(report.Lost);
    }

    [Fact]
    public void Compare_NeverSent_IsExtra()
    {
        var ledger = Ledger("u1");

        Assert.Equal([new("c", "u9")], ledger.Compare([Timeline(Entry("u1", 0), Entry("u9", 1))]).Extra);
        Assert.Single(ledger.Compare([Timeline(Entry("u1", 0)), new("other", 1, [Entry("u1", 0)], [])]).Extra);
    }

    [Theory]
    [InlineData(EntryStatus.Provisional)]
    [InlineData(EntryStatus.Retracted)]
    public void Compare_UnsettledStatus_IsWrong(EntryStatus status) =>
        Assert.Single(Ledger("u1").Compare([Timeline(Entry("u1", 0) with { Status = status })]).Wrong);

    [Fact]
    public void Compare_RetractedButShown_IsWrong()
    {
        var ledger = Ledger("u1");
        ledger.Sent(Event("u1", UtteranceKind.Retraction));

        Assert.Single(ledger.Compare([Timeline(Entry("u1", 0))]).Wrong);
        ledger.Compare([Timeline(Entry("u1", 0) with { Status = EntryStatus.Retracted, Label = null })]).AssertClean();
    }

    [Fact]
    public void Compare_OldTextAfterRevision_IsWrong()
    {
        var ledger = Ledger("u1");
        ledger.Sent(Event("u1", UtteranceKind.Revision) with { Text = "new" });

        Assert.Single(ledger.Compare([Timeline(Entry("u1", 0) with { Text = "old" })]).Wrong);
        ledger.Compare([Timeline(Entry("u1", 0, change: 2) with { Text = "new", Status = EntryStatus.Revised })]).AssertClean();
    }

    [Fact]
    public void Compare_AnotherScore_IsWrong()
    {
        var ledger = Ledger("u1");
        ledger.Expect([Entry("u1", 0)]);

        Assert.Single(ledger.Compare([Timeline(Entry("u1", 0) with { Label = "anger" })]).Wrong);
        Assert.Single(ledger.Compare([Timeline(Entry("u1", 0, joy: 0.9001f))]).Wrong);
        ledger.Compare([Timeline(Entry("u1", 0, joy: 0.900005f))]).AssertClean();
    }

    [Fact]
    public void Compare_SpeakerCountedTwice_IsWrong()
    {
        var ledger = new DeliveryLedger();
        ledger.Sent(Event("u1", UtteranceKind.Utterance) with { Speaker = new("s1"), StartMs = 0, EndMs = 500 });
        ledger.Sent(Event("u2", UtteranceKind.Utterance) with { Speaker = new("s1"), StartMs = 500, EndMs = 700 });
        ledger.Sent(Event("u2", UtteranceKind.Retraction));
        var timeline = Timeline(Entry("u1", 0), Entry("u2", 1) with { Status = EntryStatus.Retracted, Label = null });

        ledger.Compare([timeline with { Speakers = [new() { SpeakerId = "s1", Utterances = 1, SpeakingMs = 500 }] }]).AssertClean();
        Assert.Single(ledger.Compare([timeline with { Speakers = [new() { SpeakerId = "s1", Utterances = 2, SpeakingMs = 700 }] }]).Wrong);
    }

    [Fact]
    public void Compare_SpeakerMissing_IsWrong()
    {
        var ledger = new DeliveryLedger();
        ledger.Sent(Event("u1", UtteranceKind.Utterance) with { Speaker = new("s1") });
        ledger.Sent(Event("u2", UtteranceKind.Utterance) with { Speaker = new("s2") });
        var timeline = Timeline(Entry("u1", 0), Entry("u2", 1));

        Assert.Equal([new("c", "s1"), new("c", "s2")], ledger.Compare([timeline]).Wrong.Select(wrong => wrong.Item1));
        Assert.Equal([new("c", "s2")], ledger.Compare([timeline with { Speakers = [new() { SpeakerId = "s1", Utterances = 1 }] }]).Wrong.Select(wrong => wrong.Item1));
    }

    [Fact]
    public void Compare_SpeakerCountsOtherLabels_IsWrong()
    {
        var ledger = new DeliveryLedger();
        ledger.Sent(Event("u1", UtteranceKind.Utterance) with { Speaker = new("s1") });
        ledger.Sent(Event("u2", UtteranceKind.Utterance) with { Speaker = new("s1") });
        ledger.Expect([Entry("u1", 0), Entry("u2", 1) with { Label = "anger" }]);
        var timeline = Timeline(Entry("u1", 0), Entry("u2", 1) with { Label = "anger" });

        ledger.Compare([With(new() { ["joy"] = 1, ["anger"] = 1, ["fear"] = 0 })]).AssertClean();
        Assert.Single(ledger.Compare([With(new() { ["joy"] = 2 })]).Wrong);
        Assert.Single(ledger.Compare([With(new() { ["joy"] = 1, ["anger"] = 2 })]).Wrong);

        ConversationTimeline With(Dictionary<string, int> labels) => timeline with { Speakers = [new() { SpeakerId = "s1", Utterances = 2, Labels = labels }] };
    }

    [Fact]
    public void Compare_RevisionOfTheLastEntry_ExplainsNoChangeOfAnEarlierOne()
    {
        var ledger = Ledger("u1", "u2", "u3");
        ledger.Sent(Event("u3", UtteranceKind.Revision));

        ledger.Compare([Timeline(Entry("u1", 0), Entry("u2", 1), Entry("u3", 2, change: 4))]).AssertClean();
        Assert.Single(ledger.Compare([Timeline(Entry("u1", 0), Entry("u2", 1, change: 4), Entry("u3", 2, change: 5))]).Doubled);
    }

    private static DeliveryLedger Ledger(params string[] utterances)
    {
        var ledger = new DeliveryLedger();
        foreach (var utterance in utterances)
        {
            ledger.Sent(Event(utterance, UtteranceKind.Utterance));
        }

        return ledger;
    }

    private static UtteranceEvent Event(string utterance, UtteranceKind kind) => new() { ConversationId = "c", UtteranceId = utterance, Kind = kind };

    private static ConversationTimeline Timeline(params TimelineEntry[] entries) => new("c", entries.Max(entry => entry.Change), entries, []);

    private static TimelineEntry Entry(string utterance, long sequence, long? change = null, float joy = 0.9f) => new()
    {
        ConversationId = "c",
        UtteranceId = utterance,
        Sequence = sequence,
        Change = change ?? sequence + 1,
        Status = EntryStatus.Final,
        Label = "joy",
        Probabilities = new Dictionary<string, float> { ["joy"] = joy, ["anger"] = 1 - joy },
    };
}
