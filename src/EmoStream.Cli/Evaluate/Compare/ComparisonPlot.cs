using EmoStream.Cli.Evaluate.Plots;
using EmoStream.Cli.Evaluate.Report;
using ScottPlot;

namespace EmoStream.Cli.Evaluate.Compare;

/// <summary>The differences of the weighted F1 and their intervals, one row for every way to look at the file.</summary>
internal static class ComparisonPlot
{
    public static void Write(string directory, ComparisonReport report) => OutputFiles.Guard(directory, () =>
    {
        Directory.CreateDirectory(directory);
        var ways = ComparisonTables.Ways(report).ToList();
        var plot = Chart.New($"{report.B} minus {report.A}: weighted F1, 95% intervals", "difference of weighted F1 (right of 0: B is better)", "");
        plot.Add.VerticalLine(0, 1.5f, Chart.Grey, LinePattern.Dashed);
        for (var i = 0; i < ways.Count; i++)
        {
            var difference = ways[i].Measures.WeightedF1;
            // Filled strongly only where the interval leaves 0 out.
            var isClear = difference.Interval is [> 0, _] or [_, < 0];
            Chart.Interval(plot, -i, difference.Value, difference.Interval, isClear ? Chart.Colors[difference.Value > 0 ? 0 : 1] : Chart.Grey);
            Chart.Note(plot, Cells.Plain(difference.Value, "+0.000;-0.000;0.000"), difference.Value, -i + .16, Alignment.LowerCenter, Colors.Black);
        }

        Chart.Rows(plot, [.. ways.Select(way => way.Name)]);
        var reach = ways.SelectMany(way => way.Measures.WeightedF1.Interval ?? [way.Measures.WeightedF1.Value]).Max(bound => Math.Abs(bound));
        plot.Axes.SetLimitsX(-1.15 * Math.Max(reach, .01), 1.15 * Math.Max(reach, .01));
        Chart.Save(plot, directory, "comparison", height: 160 + (44 * ways.Count));
    });
}
