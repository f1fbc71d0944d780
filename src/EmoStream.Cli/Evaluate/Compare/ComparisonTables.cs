using System.Globalization;
using EmoStream.Cli.Evaluate.Report;
using Spectre.Console;

namespace EmoStream.Cli.Evaluate.Compare;

/// <summary>A comparison for people.</summary>
internal static class ComparisonTables
{
    public static void Write(IAnsiConsole console, ComparisonReport report)
    {
        var (whole, agreement) = (report.Differences.Whole, report.Differences.Whole.Agreement);
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"A [bold]{report.A}[/], B [bold]{report.B}[/] on {whole.Utterances} utterances of {report.Conversations} conversations");
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"weighted F1 {whole.WeightedF1.A:F4} against {whole.WeightedF1.B:F4}: B {Words(whole.WeightedF1)}");
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"right: both {agreement.BothRight}, A alone {agreement.OnlyA}, B alone {agreement.OnlyB}, neither {agreement.NeitherRight}");

        var figures = Cells.Table("The file as it is").AddColumns("", "A", "B", "difference", "");
        foreach (var (name, difference) in Rows(whole))
        {
            figures.AddRow(new Text(name), Cells.Number(difference?.A), Cells.Number(difference?.B), Signed(difference), Bounds(difference));
        }

        console.Write(figures);
        var ways = Cells.Table("By what is there: B minus A; brackets: 95% of 1,000 resamples of the conversations").AddColumns("input", "utterances", "weighted F1 A", "B", "difference", "", "accuracy", "", "only A right", "only B right");
        foreach (var (name, m) in Ways(report))
        {
            ways.AddRow(new Text(name), Cells.Count(m.Utterances), Cells.Number(m.WeightedF1.A), Cells.Number(m.WeightedF1.B), Signed(m.WeightedF1), Bounds(m.WeightedF1), Signed(m.Accuracy), Bounds(m.Accuracy), Cells.Count(m.Agreement.OnlyA), Cells.Count(m.Agreement.OnlyB));
        }

        console.Write(ways);
    }

    /// <summary>The rows of tables and figure, in order.</summary>
    public static IEnumerable<(string Name, PairedMeasures Measures)> Ways(ComparisonReport report) =>
    [
        ("as it is", report.Differences.Whole),
        .. report.Differences.Subsets.Select(way => (way.Key, way.Value)),
        .. report.Differences.Missing.Select(way => ($"{way.Key} missing", way.Value)),
    ];

    private static (string Name, Difference? Difference)[] Rows(PairedMeasures whole) =>
    [
        ("weighted F1", whole.WeightedF1), ("macro F1", whole.MacroF1), ("accuracy", whole.Accuracy),
        ("NLL (lower is better)", whole.Nll), ("Brier (lower is better)", whole.Brier), ("ECE (lower is better)", whole.Ece),
        ("coverage where both offer sets", whole.Coverage),
    ];

    private static string Words(Difference difference) => difference.Interval switch
    {
        [> 0, _] => "is better, beyond what resampling the conversations explains",
        [_, < 0] => "is worse, beyond what resampling the conversations explains",
        null => "differs; one conversation tells nothing of others",
        _ => "cannot be told from A on this file",
    };

    private static Text Signed(Difference? difference) => Cells.Number(difference?.Value, "+0.0000;-0.0000;0.0000");

    private static Text Bounds(Difference? difference) => new(Cells.Bounds(difference?.Interval, "+0.0000;-0.0000;0.0000"));
}
