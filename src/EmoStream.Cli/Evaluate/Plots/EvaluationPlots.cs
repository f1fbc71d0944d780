using System.Globalization;
using EmoStream.Cli.Evaluate.Measure;
using EmoStream.Cli.Evaluate.Report;
using ScottPlot;

namespace EmoStream.Cli.Evaluate.Plots;

/// <summary>The figures of an evaluation.</summary>
internal static class EvaluationPlots
{
    // Colours come first, shapes when there are more subsets than colours.
    private static readonly MarkerShape[] Shapes = [MarkerShape.FilledCircle, MarkerShape.FilledSquare, MarkerShape.FilledTriangleUp];

    /// <summary>Writes all that the evaluation has something for.</summary>
    public static void Write(string directory, EvaluationReport report) => OutputFiles.Guard(directory, () =>
    {
        Directory.CreateDirectory(directory);
        foreach (var (name, measures) in report.Subsets)
        {
            Chart.Save(Reliability(report.Bundle, name, measures), directory, $"reliability-{name}", 560, 560);
        }

        Chart.Save(Subsets(report), directory, "subsets", height: 160 + (44 * (report.Subsets.Count + 1)));
        Chart.Save(ConfusionPlot.Draw(report), directory, "confusion", 240 + (80 * report.Labels.Count), 180 + (64 * report.Labels.Count));
        if (report.Subsets.Values.Any(measures => measures.Calibration.SetSize is not null))
        {
            Chart.Save(Coverage(report), directory, "coverage");
        }

        if (report.Missing.Count > 0)
        {
            Chart.Save(Missing(report), directory, "missing");
        }

        foreach (var (name, modality) in report.Fusion?.Modalities ?? new Dictionary<string, FusionModality>())
        {
            if (modality.WeightsWhenRight.Count + modality.WeightsWhenWrong.Count > 0)
            {
                Chart.Save(Weights(report, name, modality), directory, $"fusion-{name}");
            }
        }
    });

    private static Plot Reliability(string bundle, string name, Measures measures)
    {
        var plot = Chart.New($"{bundle}, {name}: does confidence mean what it says?", "confidence in the predicted label", "share of right predictions");
        var diagonal = plot.Add.Line(0, 0, 1, 1);
        (diagonal.Color, diagonal.LinePattern, diagonal.LineWidth) = (Chart.Grey, LinePattern.Dashed, 1.5f);
        var bins = measures.Calibration.Bins;
        var line = plot.Add.ScatterLine(bins.Select(bin => bin.Confidence).ToArray(), bins.Select(bin => bin.Accuracy).ToArray(), Chart.Colors[0]);
        line.LineWidth = 2;
        var largest = bins.Max(bin => bin.Utterances);
        foreach (var bin in bins)
        {
            plot.Add.Marker(bin.Confidence, bin.Accuracy, MarkerShape.FilledCircle, 5 + (float)(19 * Math.Sqrt((double)bin.Utterances / largest)), Chart.Colors[0].WithAlpha(.75));
        }

        Chart.Note(plot, string.Create(CultureInfo.InvariantCulture, $"ECE {measures.Calibration.Ece:F3}\n{measures.Utterances} utterances\narea of a point: its utterances"), 0.03, 0.98, Alignment.UpperLeft);
        Chart.Note(plot, "too sure below the line", 0.97, 0.03, Alignment.LowerRight);
        plot.Axes.SetLimits(0, 1, 0, 1);
        return plot;
    }

    private static Plot Subsets(EvaluationReport report)
    {
        var plot = Chart.New($"{report.Bundle}: weighted F1 by what is there, 95% intervals", "weighted F1", "");
        List<(string Name, double Value, double[]? Bounds)> rows = [("as it is", report.WeightedF1, report.Intervals?.WeightedF1)];
        rows.AddRange(report.Subsets.Select(subset => (subset.Key, subset.Value.WeightedF1, subset.Value.Intervals?.WeightedF1)));
        for (var i = 0; i < rows.Count; i++)
        {
            Chart.Interval(plot, -i, rows[i].Value, rows[i].Bounds, Chart.Colors[i == 0 ? 1 : 0]);
            Chart.Note(plot, Cells.Plain(rows[i].Value, "F3"), rows[i].Value, -i + 0.16, Alignment.LowerCenter, Colors.Black);
        }

        Chart.Rows(plot, [.. rows.Select(row => row.Name)]);
        plot.Axes.SetLimitsX(Math.Max(0, rows.Min(row => row.Bounds?[0] ?? row.Value) - .04), Math.Min(1, rows.Max(row => row.Bounds?[1] ?? row.Value) + .04));
        return plot;
    }

    private static Plot Missing(EvaluationReport report)
    {
        var plot = Chart.New($"{report.Bundle}: weighted F1 when modalities go missing at random", "share of modalities that are missing", "weighted F1");
        List<(double Rate, double Value, double[]? Bounds)> points = [(0, report.WeightedF1, report.Intervals?.WeightedF1)];
        points.AddRange(report.Missing.Select(rate => (double.Parse(rate.Key, CultureInfo.InvariantCulture), rate.Value.WeightedF1, rate.Value.Intervals?.WeightedF1)));
        double[] rates = [.. points.Select(point => point.Rate)];
        if (points.All(point => point.Bounds is not null))
        {
            var band = plot.Add.FillY(rates, [.. points.Select(point => point.Bounds![0])], [.. points.Select(point => point.Bounds![1])]);
            (band.FillColor, band.LineWidth, band.MarkerStyle.IsVisible, band.LegendText) = (Chart.Colors[0].WithAlpha(.18), 0, false, "95% of resampled conversations");
        }

        var line = plot.Add.Scatter(rates, points.Select(point => point.Value).ToArray(), Chart.Colors[0]);
        (line.LineWidth, line.MarkerSize, line.LegendText) = (2.5f, 9, "all modalities, dropped one by one");
        var index = 1;
        foreach (var (name, measures) in report.Subsets.Where(subset => !subset.Key.Contains('+')))
        {
            var alone = plot.Add.HorizontalLine(measures.WeightedF1, 1.5f, Chart.Colors[index], index == 1 ? LinePattern.Dashed : LinePattern.Dotted);
            Chart.Note(plot, $"{name} alone", 0, measures.WeightedF1, Alignment.LowerLeft, Chart.Colors[index]);
            index = Math.Min(index + 1, Chart.Colors.Count - 1);
        }

        plot.ShowLegend(Edge.Bottom);
        plot.Axes.SetLimitsX(-0.02, 0.72);
        return plot;
    }

    private static Plot Coverage(EvaluationReport report)
    {
        var plot = Chart.New($"{report.Bundle}: how often the prediction set holds the truth", "labels in the set (mean)", "share of sets that hold the truth");
        var offered = report.Subsets.Where(subset => subset.Value.Calibration.SetSize is not null).ToList();
        for (var i = 0; i < offered.Count; i++)
        {
            var calibration = offered[i].Value.Calibration;
            var marker = plot.Add.Marker(calibration.SetSize!.Value, calibration.Coverage!.Value, Shapes[i / Chart.Colors.Count % Shapes.Length], 13, Chart.Colors[i % Chart.Colors.Count]);
            marker.LegendText = string.Create(CultureInfo.InvariantCulture, $"{offered[i].Key}: {calibration.Coverage * 100:0.0}% with {calibration.SetSize:0.00} of {report.Labels.Count} labels");
        }

        plot.ShowLegend(Alignment.LowerRight);
        if (report.NominalCoverage is { } nominal)
        {
            plot.Add.HorizontalLine(nominal, 1.5f, Chart.Grey, LinePattern.Dashed);
            Chart.Note(plot, string.Create(CultureInfo.InvariantCulture, $"promised {nominal * 100:0.#}%"), report.Labels.Count, nominal, Alignment.LowerRight);
        }

        plot.Axes.SetLimits(0, report.Labels.Count, Math.Max(0, offered.Min(subset => subset.Value.Calibration.Coverage!.Value) - .1), 1);
        return plot;
    }

    private static Plot Weights(EvaluationReport report, string name, FusionModality modality)
    {
        const int Bins = 20;
        var plot = Chart.New($"{report.Bundle}: weight of {name} where {name} alone is right, and where it is wrong", $"fusion weight of {name}", "share of its utterances");
        foreach (var (i, words, weights) in ((int, string, IReadOnlyList<float>)[])[(0, "right", modality.WeightsWhenRight), (1, "wrong", modality.WeightsWhenWrong)])
        {
            if (weights.Count == 0)
            {
                continue;
            }

            var counts = new double[Bins];
            foreach (var weight in weights)
            {
                counts[Math.Min((int)(weight * Bins), Bins - 1)]++;
            }

            // Two bars side by side in each bin.
            var bars = plot.Add.Bars([.. Enumerable.Range(0, Bins).Select(bin => (bin + .3 + (.4 * i)) / Bins)], [.. counts.Select(count => count / weights.Count)]);
            foreach (var bar in bars.Bars)
            {
                (bar.Size, bar.FillColor, bar.LineWidth) = (.4 / Bins, Chart.Colors[i], 0);
            }

            bars.LegendText = string.Create(CultureInfo.InvariantCulture, $"{words} ({weights.Count}), mean {weights.Average():F3}");
        }

        plot.ShowLegend(Alignment.UpperRight);
        plot.Axes.SetLimitsX(0, 1);
        plot.Axes.SetLimitsY(0, plot.GetPlottables<ScottPlot.Plottables.BarPlot>().Max(bars => bars.Bars.Max(bar => bar.Value)) * 1.25);
        return plot;
    }
}
