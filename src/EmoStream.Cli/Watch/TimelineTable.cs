using System.Globalization;
using EmoStream.Contracts.Timeline;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace EmoStream.Cli.Watch;

/// <summary>Draws a timeline: a lane of coloured cells per speaker, and a row per utterance.</summary>
internal static class TimelineTable
{
    private const int BarWidth = 10;
    private const int MinTextWidth = 10;

    // Time, label, bar, status and the frame around six columns; labels longer than the longest common one cost text.
    private const int OtherWidth = 7 + 8 + 15 + 11 + 19;

    // Caption, table frame and header, and a line for the prompt.
    private const int FrameHeight = 6;
    private const string Unknown = "-";

    /// <summary>The whole timeline, as scripts and people read it.</summary>
    public static Table Whole(TimelineModel model) => Rows([.. model.Entries], textWidth: null);

    /// <summary>What fits on the screen: the lanes, then the latest utterances.</summary>
    public static IRenderable Screen(TimelineModel model, string caption, int width, int height)
    {
        var lanes = Lanes(model, width);
        var visible = Math.Max(3, height - lanes.Count - FrameHeight);
        TimelineEntry[] latest = [.. model.Entries.Skip(model.Entries.Count - visible)];
        var speakers = latest.Length == 0 ? 0 : latest.Max(entry => Name(entry).Length);
        var weights = Array.Exists(latest, FusedWeights.Has) ? latest.Max(entry => FusedWeights.Of(entry).Length) + 3 : 0;
        return new Spectre.Console.Rows(
            new Text(caption, new Style(decoration: Decoration.Bold)),
            new Spectre.Console.Rows(lanes),
            Rows(latest, textWidth: Math.Max(MinTextWidth, width - speakers - weights - OtherWidth)));
    }

    /// <summary>One line per change, for redirected output.</summary>
    public static string Line(TimelineEntry entry) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Readable.Time(entry.StartMs)} {Name(entry)}: {entry.Label ?? Unknown} {entry.Confidence:F2} {Status(entry)}{(FusedWeights.Has(entry) ? " " + FusedWeights.Of(entry) : "")}{(string.IsNullOrEmpty(entry.Text) ? "" : " | " + entry.Text)}");

    private static Table Rows(TimelineEntry[] entries, int? textWidth)
    {
        var table = new Table().Border(TableBorder.Rounded);
        var fused = Array.Exists(entries, FusedWeights.Has);
        foreach (var column in (string[])["Time", "Speaker", "Label", "Confidence", "Status", .. fused ? ["Weights"] : (string[])[]])
        {
            table.AddColumn(new TableColumn(column) { NoWrap = true });
        }

        table.AddColumn(new TableColumn("Text") { NoWrap = textWidth is not null });
        foreach (var entry in entries)
        {
            var style = new Style(LabelStyle.ColorOf(entry.Label));
            var text = entry.Text ?? (entry.Status == EntryStatus.Retracted ? "" : "(not allowed by the policy)");
            table.AddRow([
                new Text(Readable.Time(entry.StartMs)),
                new Text(Name(entry)),
                new Text(entry.Label ?? Unknown, style),
                new Text(Bar(entry), style),
                new Text(Status(entry), Dim(entry)),
                .. fused ? [new Text(FusedWeights.Of(entry))] : (Text[])[],
                new Text(textWidth is { } width ? Readable.Cut(text, width) : text)]);
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
}
