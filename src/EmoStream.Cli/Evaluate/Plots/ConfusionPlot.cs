using System.Globalization;
using EmoStream.Cli.Evaluate.Report;
using ScottPlot;

namespace EmoStream.Cli.Evaluate.Plots;

/// <summary>The confusion matrix, each row as shares of its annotations, with the counts.</summary>
internal static class ConfusionPlot
{
    public static Plot Draw(EvaluationReport report)
    {
        var n = report.Labels.Count;
        var plot = Chart.New($"{report.Bundle}: what annotations are predicted as", "predicted", "annotated");
        var shares = new double[n, n];
        for (var row = 0; row < n; row++)
        {
            var support = report.Confusion[row].Sum();
            for (var column = 0; column < n; column++)
            {
                shares[row, column] = support == 0 ? 0 : (double)report.Confusion[row][column] / support;
            }
        }

        // The heat map's first row is on top, at y = n - 1.
        var map = plot.Add.Heatmap(shares);
        (map.Colormap, map.ManualRange) = (new Blues(), new ScottPlot.Range(0, 1));
        for (var row = 0; row < n; row++)
        {
            for (var column = 0; column < n; column++)
            {
                var share = shares[row, column];
                var words = string.Create(CultureInfo.InvariantCulture, $"{share * 100:0}%\n{report.Confusion[row][column]}");
                Chart.Note(plot, words, column, n - 1 - row, Alignment.MiddleCenter, share > .65 ? Colors.White : Colors.Black);
            }
        }

        double[] at = [.. Enumerable.Range(0, n).Select(i => (double)i)];
        plot.Axes.Bottom.SetTicks(at, [.. report.Labels]);
        plot.Axes.Left.SetTicks(at, [.. report.Labels.Reverse()]);
        plot.Axes.Bottom.MajorTickStyle.Length = plot.Axes.Left.MajorTickStyle.Length = 0;
        plot.HideGrid();
        plot.Axes.SetLimits(-.5, n - .5, -.5, n - .5);
        return plot;
    }

    /// <summary>White to the palette's blue: one hue, so that it reads without colours.</summary>
    private sealed class Blues : IColormap
    {
        public string Name => "Blues";

        public Color GetColor(double position)
        {
            var deep = Chart.Colors[0];
            byte Mix(byte to) => (byte)double.Lerp(255, to, double.IsNaN(position) ? 0 : Math.Clamp(position, 0, 1));
            return new Color(Mix(deep.Red), Mix(deep.Green), Mix(deep.Blue));
        }
    }
}
