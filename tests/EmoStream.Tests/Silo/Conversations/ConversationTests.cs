using EmoStream.Contracts.Events;
using EmoStream.Contracts.Timeline;
using EmoStream.Silo.Conversations;
using EmoStream.Silo.Policy;
using static EmoStream.Tests.Silo.Conversations.ConversationHarness;

namespace EmoStream.Tests.Silo.Conversations;

public sealed class ConversationTests
{
    [Fact]
    public void Utterance_New_IsFinalWithScores()
    {
        var c = new ConversationHarness();

        c.Send((5, Said("u1", "hello")));

        var entry = c.Entries["u1"];
        Assert.Equal((EntryStatus.Final, 0, 1L, 0L, "hello", "p@1", "fake@1"), (entry.Status, entry.Revision, entry.Change, entry.Sequence, entry.Text, entry.Policy, entry.Bundle));
        Assert.Equal(entry.Probabilities[entry.Label!], entry.Confidence);
        Assert.Equal(1, entry.Probabilities.Values.Sum(), 1e-6);
        Assert.Equal(["text"], entry.Availability);
        Assert.Equal(1f, entry.Weights["text"]);
    }

    [Fact]
    public void Utterance_SameOffsetOrSameId_IsDropped()
    {
        var c = new ConversationHarness();
        c.Send((5, Said("u1", "hello")));

        c.Send((5, Said("u2", "same offset")), (4, Said("u3", "older offset")), (6, Said("u1", "same id")));

        Assert.False(c.Committed);
        Assert.Equal("hello", Assert.Single(c.Entries.Values).Text);
        Assert.Equal(6, c.Offset); // asked of Redis all the same: it may have lost what this activation remembers
    }

    [Fact]
    public void Restart_RowWithoutItsEntry_RefusedWithoutNamingTheUtterance()
    {
        var c = new ConversationHarness();
        c.Send((5, Said("u1", "hello")));
        c.Entries.Remove("u1");

        var refused = Assert.Throws<InvalidDataException>(c.Restart);

        Assert.DoesNotContain("u1", refused.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Utterance_LongConversation_EncodesEachOnceAndKeepsABoundedWindow()
    {
        var c = new ConversationHarness(window: 4);

        for (var i = 0; i < 200; i++) c.Send((i, Said($"u{i}", $"text {i}")));

        Assert.Equal(200, c.Encoded);
        Assert.Equal(9, c.StoredRows);
    }

    [Fact]
    public void Policy_NothingAllowed_KeepsAnEntryWithoutContent()
    {
        var c = new ConversationHarness();
        var nothing = new PolicyDecision("none", []);

        c.Send(nothing, (0, Said("u1", "secret")));
        c.Send((1, Said("u2", "open")));

        var (withheld, alone) = (c.Entries["u1"], new ConversationHarness());
        alone.Send((0, Said("x", "")), (1, Said("u2", "open")));
        Assert.Equal((null, null, 0), (withheld.Text, withheld.Label, withheld.Probabilities.Count));
        Assert.Equal(alone.Entries["u2"].Probabilities, c.Entries["u2"].Probabilities);
    }

    [Fact]
    public void Revision_InTheWindow_RescoresExactlyWhatLooksBackOnIt()
    {
        var c = new ConversationHarness(window: 2);
        for (var i = 0; i < 6; i++) c.Send((i, Said($"u{i}", $"text {i}")));

        c.Send((6, Revised("u3", "other")));

        var fresh = new ConversationHarness(window: 2);
        for (var i = 0; i < 6; i++) fresh.Send((i, Said($"u{i}", i == 3 ? "other" : $"text {i}")));
        Assert.Equal(["u3", "u4", "u5"], c.Feed.Skip(6).Select(e => e.UtteranceId));
        Assert.All(c.Feed.Skip(6), e => Assert.Equal((EntryStatus.Revised, 1), (e.Status, e.Revision)));
        Assert.All(c.Entries, e => Assert.Equal(fresh.Entries[e.Key].Probabilities, e.Value.Probabilities));
    }

    [Fact]
    public void Revision_ReadsBackTheEntriesItChangesAndNoOthers()
    {
        var c = new ConversationHarness(window: 2, lookAhead: 1);
        for (var i = 0; i < 6; i++) c.Send((i, Said($"u{i}", $"text {i}")));

        c.Send((6, Revised("u3", "other"))); // u2 looks ahead to it, u4 and u5 back; u5 is the last one and still here

        Assert.Equal(3, c.EntriesRead);
        c.Send((6, Revised("u3", "other")), (7, Revised("u9", "new"))); // once applied, once unknown
        Assert.Equal(3, c.EntriesRead);
    }

    [Fact]
    public void Revision_RescoresAnOlderUtteranceOfASpeaker_WhoKeepsTheLatestRole()
    {
        var c = new ConversationHarness(window: 3);
        for (var i = 0; i < 6; i++)
        {
            var speaker = i switch { 1 => new Speaker("s1", "guest"), 5 => new Speaker("s1", "host"), _ => new Speaker("s2") };
            c.Send((i, Said($"u{i}", $"text {i}") with { Speaker = speaker }));
        }

        c.Send((6, Revised("u0", "other", "s2")));

        Assert.Contains(c.Feed.Skip(6), e => e.UtteranceId == "u1");
        Assert.Equal("host", c.Speakers["s1"].Role);
    }

    [Fact]
    public void Row_EntryReadBackIsOlderThanTheOneLeft_IsRefusedWithoutNamingIt()
    {
        var entry = new TimelineEntry { ConversationId = "c", UtteranceId = "secret", Change = 5 };
        var row = new Row(0, 0, entry);
        row.Commit(entry);
        row.LeaveEntry();

        var e = Assert.Throws<InvalidDataException>(() => row.Commit(entry with { Change = 4 }));

        Assert.DoesNotContain("secret", e.Message, StringComparison.Ordinal);
        row.Commit(entry);
        Assert.Same(entry, row.Entry);
    }

    [Fact]
    public void Revision_OfUnknownId_CountsAsUtterance()
    {
        var c = new ConversationHarness();

        c.Send((0, Revised("u1", "hello")));

        Assert.Equal((EntryStatus.Final, 0), (c.Entries["u1"].Status, c.Entries["u1"].Revision));
    }

    [Fact]
    public void Revision_LongAgo_ReplacesTheTextAndLeavesTheOthers()
    {
        var c = new ConversationHarness(window: 1);
        for (var i = 0; i < 20; i++) c.Send((i, Said($"u{i}", $"text {i}")));

        c.Send((20, Revised("u3", "other")));

        var changed = Assert.Single(c.Feed.Skip(20));
        Assert.Equal(("u3", "other", EntryStatus.Revised, 1), (changed.UtteranceId, changed.Text, changed.Status, changed.Revision));
        Assert.Equal(20, c.Speakers["s1"].Utterances);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(40)]
    public void Retraction_RemovesTextAndScores(int laterUtterances)
    {
        var c = new ConversationHarness();
        c.Send((0, Said("u0", "remove me", "s2")));
        for (var i = 1; i <= laterUtterances; i++) c.Send((i, Said($"u{i}", $"text {i}")));

        c.Send((100, Retracted("u0")));

        var entry = c.Entries["u0"];
        Assert.Equal((EntryStatus.Retracted, null, null, 0, 0), (entry.Status, entry.Text, entry.Label, entry.Probabilities.Count, entry.Availability.Count));
        Assert.Equal((0, 0L), (c.Speakers["s2"].Utterances, c.Speakers["s2"].SpeakingMs));
        Assert.Equal(0, c.Speakers["s2"].Labels.Values.Sum());
    }

    [Fact]
    public void Retraction_OfUnknownId_ChangesNothing()
    {
        var c = new ConversationHarness();

        c.Send((0, Retracted("u9")));

        Assert.False(c.Committed);
    }

    [Fact]
    public void LookAhead_ProvisionalUntilKLaterOnesAreKnown()
    {
        var c = new ConversationHarness(lookAhead: 2);

        c.Send((0, Said("u0", "a")));
        c.Send((1, Said("u1", "b")));
        Assert.Equal(EntryStatus.Provisional, c.Entries["u0"].Status);
        c.Send((2, Said("u2", "c")));

        Assert.Equal([EntryStatus.Final, EntryStatus.Provisional, EntryStatus.Provisional], c.Entries.Values.Select(e => e.Status));
        Assert.Equal(1, c.Entries["u0"].Revision);
    }

    [Fact]
    public void End_ProvisionalEntries_BecomeFinalOnce()
    {
        var c = new ConversationHarness(lookAhead: 2);
        c.Send((0, Said("u0", "a")), (1, Said("u1", "b")));

        c.Send((2, End()));
        var feed = c.Feed.Count;
        c.Send((3, End()));

        Assert.All(c.Entries.Values, e => Assert.Equal(EntryStatus.Final, e.Status));
        Assert.Equal(feed, c.Feed.Count);
    }

    [Fact]
    public void Restart_WithAnotherBundle_EncodesTheWindowAgainFromTheText()
    {
        var c = new ConversationHarness();
        for (var i = 0; i < 5; i++) c.Send((i, Said($"u{i}", $"text {i}")));
        var expected = new ConversationHarness { Model = c.Model };
        for (var i = 0; i < 6; i++) expected.Send((i, Said($"u{i}", $"text {i}")));

        c.Model = c.Model with { Bundle = "fake@2" };
        c.Restart();
        c.Send((5, Said("u5", "text 5")));
        c.Restart();

        Assert.Equal("fake@2", c.Entries["u5"].Bundle);
        Assert.Equal(expected.Entries["u5"].Probabilities, c.Entries["u5"].Probabilities);
    }

    [Fact]
    public void Restart_WithAnotherBundleTwice_NeverTakesOldDescriptors()
    {
        var c = new ConversationHarness(window: 2);
        for (var i = 0; i < 5; i++) c.Send((i, Said($"u{i}", $"text {i}")));
        c.Model = c.Model with { Bundle = "fake@2", Labels = ["other", "names"] };
        c.Restart();
        c.Send((5, End()));
        c.Restart();

        var before = c.Encoded;
        c.Send((6, Revised("u3", "other")));

        Assert.Equal(4, c.Encoded - before); // u1 to u4: all that the re-scored u3 and u4 look at
        Assert.All(["u3", "u4"], id => Assert.Equal("fake@2", c.Entries[id].Bundle));
        Assert.Equal("fake@1", c.Entries["u0"].Bundle);
    }

    [Fact]
    public void Revision_ThatSaysWhatIsThere_ChangesNothing()
    {
        var c = new ConversationHarness();
        c.Send((0, Said("u0", "a")), (1, Revised("u0", "b")));

        c.Send((2, Revised("u0", "b")));

        Assert.False(c.Committed);
    }

    [Fact]
    public void Retraction_IsForGood()
    {
        var c = new ConversationHarness();
        c.Send((0, Said("u0", "a")), (1, Retracted("u0")));

        c.Send((2, Revised("u0", "back")), (3, Retracted("u0")), (4, Said("u0", "again")));

        Assert.False(c.Committed);
        Assert.Equal(EntryStatus.Retracted, c.Entries["u0"].Status);
    }

    [Fact]
    public void Unscorable_StaysWithoutScoreAndTheOthersGoOn()
    {
        var c = new ConversationHarness { Refuses = r => r.Rows.Any(row => row.Input?.Text == "poison") };
        c.Send((0, Said("u0", "a")));

        c.Send((1, Said("u1", "poison")));
        c.Send((2, Said("u2", "c")));

        Assert.Equal(("poison", null, EntryStatus.Final), (c.Entries["u1"].Text, c.Entries["u1"].Label, c.Entries["u1"].Status));
        Assert.NotNull(c.Entries["u2"].Label);
    }

    [Fact]
    public void Unscorable_AmongOthersInOneBatch_OnlyTheOneAtFaultStaysWithoutScore()
    {
        var c = new ConversationHarness { Refuses = r => r.Rows.Any(row => row.Input?.Text == "poison") };
        c.Send((0, Said("u0", "a")), (1, Said("u1", "poison")), (2, Said("u2", "c")), (3, Said("u3", "d")));
        c.Restart();
        c.Send((4, Said("u4", "e")));

        var clean = new ConversationHarness();
        clean.Send((0, Said("u0", "a")), (1, Said("u1", "")), (2, Said("u2", "c")), (3, Said("u3", "d")), (4, Said("u4", "e")));
        Assert.Equal(1, c.Unscored);
        Assert.Null(c.Entries["u1"].Label);
        Assert.All(["u0", "u2", "u3", "u4"], id => Assert.Equal(clean.Entries[id].Probabilities, c.Entries[id].Probabilities));
    }

    [Fact]
    public void Unscorable_InItsContextAlone_OnlyThatScoreIsMissing()
    {
        // As when a result is not finite: encoding and scoring alone work.
        var c = new ConversationHarness { Refuses = r => r.Rows.Length > 1 && r.Scored.Contains(1) };

        c.Send((0, Said("u0", "a")), (1, Said("u1", "b")), (2, Said("u2", "c")));

        Assert.Equal((1, null), (c.Unscored, c.Entries["u1"].Label));
        Assert.All(["u0", "u2"], id => Assert.NotNull(c.Entries[id].Label));
    }

    [Fact]
    public void Bundle_WithALargerWindow_RescoresAnOldRevisionAlone()
    {
        var c = new ConversationHarness(window: 2);
        for (var i = 0; i < 12; i++) c.Send((i, Said($"u{i}", $"text {i}")));
        c.Model = c.Model with { Bundle = "fake@2", Window = 20 };
        c.Restart();

        // Within the new window, but the old one kept no row of it.
        c.Send((12, Revised("u1", "other")));

        Assert.Equal(("other", EntryStatus.Revised, "fake@2"), (c.Entries["u1"].Text, c.Entries["u1"].Status, c.Entries["u1"].Bundle));
        Assert.NotNull(c.Entries["u1"].Label);
    }
}
