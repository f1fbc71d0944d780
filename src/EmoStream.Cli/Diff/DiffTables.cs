using System.Globalization;
using EmoStream.Cli.Watch;
using Spectre.Console;

namespace EmoStream.Cli.Diff;

/// <summary>A comparison for people: which utterances, then how many of which label became which.</summary>
internal static class DiffTables
{
    private const int MinTextWidth = 16;
    private const int MaxTextWidth = 60;

    public static void Write(IAnsiConsole console, DiffReport report)
    {
        foreach (var (letter, bundle) in Sides(report))
        {
            console.MarkupLineInterpolated($"[bold]{letter}[/] {bundle.Bundle} ({string.Join(", ", bundle.Modalities)})");
        }

        if (report.Rows.Count > 0)
        {
            console.Write(Utterances(report, console.Profile.Width));
        }

        console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[bold]{report.Changed}[/] of {report.Utterances} utterances change their label{(report.Conversations > 1 ? $", in {report.Conversations} conversations" : "")}");
        console.WriteLine($"mean confidence: A {Number(report.A.MeanConfidence)}, B {Number(report.B.MeanConfidence)}; where the label changes: A {Number(report.A.MeanConfidenceChanged)}, B {Number(report.B.MeanConfidenceChanged)}");
        console.Write(Matrix(report));
        foreach (var note in Notes(report))
        {
            console.WriteLine(note);
        }
    }

    /// <summary>What must be known to read the comparison rightly.</summary>
    private static IEnumerable<string> Notes(DiffReport report)
    {
        if (report.TextOnly)
        {
            yield return "Audio, face and body of a conversation are not kept: both bundles scored its text alone. One that goes on is compared as it stands now.";
        }

        if (report.WithheldTexts > 0)
        {
            yield return Invariant($"without text, because the policy did not allow it: {report.WithheldTexts} utterances, not compared.");
        }

        if (report.Retracted > 0)
        {
            yield return Invariant($"retracted: {report.Retracted} utterances, which keep their places and were not compared.");
        }

        if (report.NotCompared - report.WithheldTexts - report.Retracted is > 0 and var rest)
        {
            yield return Invariant($"without anything that both bundles take: {rest} utterances, not compared.");
        }

        foreach (var (letter, bundle) in Sides(report))
        {
            foreach (var (modality, count) in bundle.LeftOut)
            {
                yield return Invariant($"{modality} in a form that {letter} does not take (raw, or of another feature space): left out of {count} utterances.");
            }

            if (bundle.OnlyHere.Count > 0)
            {
                yield return $"Only {letter} knows: {string.Join(", ", bundle.OnlyHere)}.";
            }
        }
    }

    private static (char Letter, DiffBundle Bundle)[] Sides(DiffReport report) => [('A', report.A), ('B', report.B)];

    private static Table Utterances(DiffReport report, int width)
    {
        var table = new Table().Border(TableBorder.Rounded);
        var several = report.Conversations > 1;
        foreach (var column in (string[])[.. several ? ["Conversation"] : (string[])[], "#", "Time", "Speaker", "Text", "A", "B"])
        {
            table.AddColumn(new TableColumn(column) { NoWrap = true });
        }

        var taken = report.Rows.Max(row => row.Speaker.Length + row.A.Label.Length + row.B.Label.Length + (several ? row.ConversationId.Length + 3 : 0)) + 44;
        var textWidth = Math.Clamp(width - taken, MinTextWidth, MaxTextWidth);
        foreach (var row in report.Rows)
        {
            table.AddRow([
                .. several ? [new Text(row.ConversationId)] : (Text[])[],
                new Text(Invariant($"{row.Index + 1}")),
                new Text(Readable.Time(row.StartMs)),
                new Text(row.Speaker),
                new Text(Readable.Cut(row.Text ?? "", textWidth)),
                Score(row.A, row.Changed),
                Score(row.B, row.Changed),
            ]);
        }

        return table;
    }

    private static Text Score(DiffScore score, bool changed) => new(
        Invariant($"{score.Label} {score.Confidence:F2}"),
        changed ? new Style(LabelStyle.ColorOf(score.Label)) : new Style(decoration: Decoration.Dim));

    private static Table Matrix(DiffReport report)
    {
        var table = new Table().Title("Labels of A (rows) as B has them (columns)").Border(TableBorder.Rounded).AddColumn("");
        foreach (var label in report.B.Labels)
        {
            table.AddColumn(new TableColumn(new Text(label)).RightAligned());
        }

        for (var a = 0; a < report.A.Labels.Count; a++)
        {
            table.AddRow([new Text(report.A.Labels[a]), .. report.Matrix[a].Select((count, b) =>
                new Text(Invariant($"{count}"), report.A.Labels[a] == report.B.Labels[b] ? new Style(decoration: Decoration.Bold) : Style.Plain))]);
        }

        return table;
    }

    private static string Number(double? value) => value is { } v ? v.ToString("F3", CultureInfo.InvariantCulture) : "-";

    private static string Invariant(FormattableString s) => FormattableString.Invariant(s);
}
