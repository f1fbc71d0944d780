using EmoStream.Cli;
using EmoStream.Cli.Input;
using EmoStream.Cli.Up;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Timeline;

namespace EmoStream.Tests.Cli.Up;

public sealed class MeetingTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void SampleMeeting_HasWhatALiveFeedHas()
    {
        var events = new InputFile(ShippedFiles.Meeting(option: null)).Lines().Select(line =>
        {
            Assert.True(line.Event is not null, $"line {line.Number}: {line.Error}");
            return line.Event;
        }).ToList();

        var utterances = events.Where(e => e.Kind == UtteranceKind.Utterance).ToList();
        Assert.True(utterances.Count >= 48);
        Assert.Equal(4, utterances.Select(e => e.Speaker!.Id).Distinct().Count());
        Assert.True(events.Count(e => e.Kind == UtteranceKind.Revision) >= 4);
        Assert.Single(events, e => e.Kind == UtteranceKind.Retraction);
        Assert.Equal(UtteranceKind.End, events[^1].Kind);
        Assert.Equal(utterances.Select(e => e.StartMs), utterances.Select(e => e.StartMs).Order());
        Assert.All(
            events.Where(e => e.Kind == UtteranceKind.Revision),
            revision => Assert.NotEqual(revision.Text, utterances.Single(u => u.UtteranceId == revision.UtteranceId).Text));
    }

    [Fact]
    public void Settle_RevisedAndRetracted_WaitsForTheLastWord()
    {
        var meeting = Meeting.Load(_directory.Write("m.jsonl", Line("u1", "utterance", "helo"), Line("u2", "utterance", "noise"), Line("u1", "revision", "hello"), """{"conversationId":"c","utteranceId":"u2","kind":"retraction"}"""));

        Assert.False(meeting.Settle(Entry("u1", "helo", EntryStatus.Final)));
        Assert.False(meeting.Settle(Entry("u2", null, EntryStatus.Retracted)));
        Assert.False(meeting.Settle(Entry("u1", "hello", EntryStatus.Provisional)));
        Assert.True(meeting.Settle(Entry("u1", "hello", EntryStatus.Revised)));
        Assert.Equal((2, 0), (meeting.Utterances, meeting.Open));
    }

    [Theory]
    [InlineData("""{"conversationId":"c","utteranceId":"u2","kind":"retraction"}""", "1 utterances, 1 retracted")]
    [InlineData("""{"conversationId":"c","kind":"end"}""", "2 utterances, all final")]
    public void Summary_CountsRetractedOnesApart(string last, string summary)
    {
        using var directory = new TemporaryDirectory();
        string Utterance(string id) => $$"""{"conversationId":"c","utteranceId":"{{id}}","speaker":{"id":"s"},"text":"Hi."}""";

        Assert.Equal(summary, Meeting.Load(directory.Write("meeting.jsonl", Utterance("u1"), Utterance("u2"), last)).Summary);
    }

    [Theory]
    [InlineData("""{"conversationId":"d","utteranceId":"u1","speaker":{"id":"s"},"text":"x"}""", "line 2 starts a second conversation")]
    [InlineData("{", "line 2: not-json")]
    public void Load_NotOneValidConversation_Throws(string second, string expected)
    {
        var path = _directory.Write("m.jsonl", Line("u1", "utterance", "hello"), second);

        Assert.Contains(expected, Assert.Throws<InputException>(() => Meeting.Load(path)).Message);
    }

    [Fact]
    public void Load_EmptyFile_Throws() => Assert.Throws<InputException>(() => Meeting.Load(_directory.Write("m.jsonl")));

    public void Dispose() => _directory.Dispose();

    private static string Line(string id, string kind, string text)
        => $$"""{"conversationId":"c","utteranceId":"{{id}}","kind":"{{kind}}","speaker":{"id":"s"},"text":"{{text}}"}""";

    private static TimelineEntry Entry(string id, string? text, EntryStatus status) => new() { ConversationId = "c", UtteranceId = id, Text = text, Status = status };
}
