using System.Globalization;
using EmoStream.Contracts.Timeline;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace EmoStream.Cli.Watch;

/// <summary>Draws a timeline: a lane of coloured cells per speaker, and a row per utterance.</summary>
internal static class TimelineTable
{
    private const int BarWidth = 10;
    private const string Unknown = "-";

    /// <summary>The whole timeline, as scripts and people read it.</summary>
    public static Table Whole(TimelineModel model) => Rows(model.Entries);

    /// <summary>What fits on the screen: the lanes, then the latest utterances.</summary>
    public static IRenderable Screen(TimelineModel model, string caption, int width, int height)
    {
        var lanes = Lanes(model, width);
        var visible = Math.Max(3, height - lanes.Count - 8);
        return new Spectre.Console.Rows(
            new Text(caption, new Style(decoration: Decoration.Bold)),
            new Spectre.Console.Rows(lanes),
            Rows(model.Entries.Skip(model.Entries.Count - visible), ellipsis: true));
    }

    /// <summary>One line per change, for redirected output.</summary>
    public static string Line(TimelineEntry entry) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Time(entry.StartMs)} {Name(entry)}: {entry.Label ?? Unknown} {entry.Confidence:F2} {Status(entry)}{(entry.Text is null ? "" : " | " + entry.Text)}");

    private static Table Rows(IEnumerable<TimelineEntry> entries, bool ellipsis = false)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumns("Time", "Speaker", "Label", "Confidence", "Status");
        table.AddColumn(new TableColumn("Text") { NoWrap = ellipsis });
        foreach (var entry in entries)
        {
            var style = new Style(LabelStyle.ColorOf(entry.Label));
            var text = entry.Text ?? (entry.Status == EntryStatus.Retracted ? "" : "(not allowed by the policy)");
            table.AddRow(
                new Text(Time(entry.StartMs)),
                new Text(Name(entry)),
                new Text(entry.Label ?? Unknown, style),
                new Text(Bar(entry), style),
                new Text(Status(entry), Dim(entry)),
                new Text(text) { Overflow = ellipsis ? Overflow.Ellipsis : Overflow.Fold });
        }

        return table;
    }

    private static List<IRenderable> Lanes(TimelineModel model, int width)
    {
        var entries = model.Entries.Where(e => e.Status != EntryStatus.Retracted).ToList();
        var names = entries.Select(Name).Distinct().ToList();
        var nameWidth = names.Count == 0 ? 0 : names.Max(name => name.Length);
        var cells = Math.Max(1, width - nameWidth - 3);
        var shown = entries.Skip(Math.Max(0, entries.Count - cells)).ToList();
        var lanes = new List<IRenderable>();
        foreach (var name in names)
        {
            var lane = new Paragraph();
            lane.Append(name.PadRight(nameWidth) + " ");
            foreach (var entry in shown)
            {
                lane.Append(Name(entry) == name ? "█" : "·", new Style(Name(entry) == name ? LabelStyle.ColorOf(entry.Label) : Color.Grey23));
            }

            lanes.Add(lane);
        }

        return lanes;
    }

    private static string Bar(TimelineEntry entry)
    {
        if (entry.Label is null)
        {
            return Unknown;
        }

        var filled = (int)Math.Round(Math.Clamp(entry.Confidence, 0, 1) * BarWidth);
        return string.Create(CultureInfo.InvariantCulture, $"{new string('█', filled)}{new string('░', BarWidth - filled)} {entry.Confidence:F2}");
    }

    private static string Name(TimelineEntry entry) => entry.SpeakerName ?? entry.SpeakerId;

    private static string Status(TimelineEntry entry) => entry.Status switch
    {
        EntryStatus.Provisional => "provisional",
        EntryStatus.Final => "final",
        EntryStatus.Revised => "revised",
        EntryStatus.Retracted => "retracted",
        _ => entry.Status.ToString(),
    };

    private static Style Dim(TimelineEntry entry) => entry.Status == EntryStatus.Final ? Style.Plain : new Style(decoration: Decoration.Dim);

    private static string Time(long? milliseconds)
        => milliseconds is { } ms ? TimeSpan.FromMilliseconds(ms).ToString(ms >= 3_600_000 ? @"h\:mm\:ss" : @"mm\:ss", CultureInfo.InvariantCulture) : "--:--";
}
