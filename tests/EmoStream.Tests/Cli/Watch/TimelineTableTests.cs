using EmoStream.Cli;
using EmoStream.Cli.Watch;
using EmoStream.Contracts.Timeline;

namespace EmoStream.Tests.Cli.Watch;

public sealed class TimelineTableTests
{
    [Fact]
    public void Apply_OlderChange_IsIgnored()
    {
        var model = new TimelineModel();
        Assert.True(model.Apply(Entry(0, change: 5, label: "joy")));
        Assert.False(model.Apply(Entry(0, change: 4, label: "anger")));

        Assert.Equal("joy", Assert.Single(model.Entries).Label);
    }

    [Fact]
    public void Whole_RedirectedOutput_HasOneUnbrokenLinePerEntryInOrder()
    {
        var model = new TimelineModel();
        var longText = string.Join(' ', Enumerable.Repeat("words", 40));
        model.Apply(Entry(1, change: 2, label: "anger") with { Text = longText, StartMs = 61_000 });
        model.Apply(Entry(0, change: 1, label: "joy") with { SpeakerName = "Ana [host]", Text = "[bold]not markup[/]" });
        model.Apply(Entry(2, change: 3, label: null) with { Status = EntryStatus.Retracted, Text = null });

        using var output = new StringWriter();
        new Terminal(output, TextWriter.Null).Out.Write(TimelineTable.Whole(model));

        var rows = output.ToString().Split('\n').Where(line => line.Contains("speaker", StringComparison.Ordinal) || line.Contains("Ana")).ToList();
        Assert.Equal(3, rows.Count);
        Assert.Contains("Ana [host]", rows[0]);
        Assert.Contains("[bold]not markup[/]", rows[0]);
        Assert.Contains("01:01", rows[1]);
        Assert.Contains(longText, rows[1]);
        Assert.Contains("retracted", rows[2]);
    }

    [Fact]
    public void Screen_MoreEntriesThanFit_ShowsTheLatestAndALanePerSpeaker()
    {
        var model = new TimelineModel();
        for (var i = 0; i < 100; i++)
        {
            model.Apply(Entry(i, change: i + 1, label: "joy") with { SpeakerName = i % 2 == 0 ? "Ana" : "Ben", Text = $"text {i}." });
        }

        using var output = new StringWriter();
        new Terminal(output, TextWriter.Null).Out.Write(TimelineTable.Screen(model, "caption", width: 80, height: 20));

        var text = output.ToString();
        Assert.Contains("text 99.", text);
        Assert.DoesNotContain("text 50.", text);
        Assert.Equal(2, text.Split('\n').Count(line => line.Contains("█·█·") || line.Contains("·█·█")));
        Assert.True(text.Split('\n').Length <= 20);
    }

    [Theory]
    [InlineData(213_999L, "03:33 ")]
    [InlineData(3_599_999L, "59:59 ")]
    [InlineData(90_061_500L, "25:01:01 ")]
    [InlineData(long.MaxValue, "2562047788015:12:55 ")]
    public void Line_Time_IsInWholeSecondsThatHavePassed(long startMs, string time)
        => Assert.StartsWith(time, TimelineTable.Line(Entry(0, change: 1, label: "joy") with { StartMs = startMs }), StringComparison.Ordinal);

    [Fact]
    public void Whole_SeveralModalities_ShowsWhatEachCountedAndWhatWasRecovered()
    {
        var model = new TimelineModel();
        model.Apply(Entry(0, change: 1, label: "joy") with
        {
            Weights = new Dictionary<string, float> { ["face"] = 0.12f, ["audio"] = 0.27f, ["text"] = 0.61f },
            Recovered = ["face"],
        });
        model.Apply(Entry(1, change: 2, label: "joy") with { Weights = new Dictionary<string, float> { ["text"] = 1 } });

        using var output = new StringWriter();
        new Terminal(output, TextWriter.Null).Out.Write(TimelineTable.Whole(model));

        Assert.Contains("│ T 61 A 27 (F 12) │", output.ToString());
        Assert.Contains("│ T 100            │", output.ToString());
        Assert.Contains(" T 61 A 27 (F 12) | text", TimelineTable.Line(model.Entries.First()));
        Assert.DoesNotContain("T 100", TimelineTable.Line(model.Entries.Last()));
    }

    [Fact]
    public void Screen_SeveralModalities_StaysWithinItsWidth()
    {
        var model = new TimelineModel();
        model.Apply(Entry(0, change: 1, label: "joy") with
        {
            Text = string.Join(' ', Enumerable.Repeat("words", 40)),
            Weights = new Dictionary<string, float> { ["audio"] = 0.27f, ["text"] = 0.73f },
        });

        using var output = new StringWriter();
        new Terminal(output, TextWriter.Null).Out.Write(TimelineTable.Screen(model, "caption", width: 120, height: 20));

        Assert.Contains("T 73 A 27", output.ToString());
        Assert.All(output.ToString().Split('\n'), line => Assert.True(line.Length <= 120, $"{line.Length} wide"));
    }

    [Fact]
    public void ColorOf_UnknownLabel_IsStable() => Assert.Equal(LabelStyle.ColorOf("boredom"), LabelStyle.ColorOf("boredom"));

    private static TimelineEntry Entry(int sequence, long change, string? label) => new()
    {
        ConversationId = "c",
        UtteranceId = $"u{sequence}",
        Sequence = sequence,
        Change = change,
        SpeakerId = "speaker",
        StartMs = sequence * 1000,
        Text = "text",
        Status = EntryStatus.Final,
        Label = label,
        Confidence = label is null ? 0 : 0.73f,
    };
}
