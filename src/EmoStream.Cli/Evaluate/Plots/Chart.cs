using System.Text;
using ScottPlot;
using ScottPlot.TickGenerators;
using SkiaSharp;

namespace EmoStream.Cli.Evaluate.Plots;

/// <summary>How all figures look, and how they are written: NAME.png at twice the size, NAME.svg.</summary>
internal static class Chart
{
    /// <summary>Okabe and Ito's colours: told apart with every kind of colour vision.</summary>
    public static IReadOnlyList<Color> Colors { get; } =
        [Color.FromHex("#0072B2"), Color.FromHex("#D55E00"), Color.FromHex("#009E73"), Color.FromHex("#CC79A7"), Color.FromHex("#E69F00"), Color.FromHex("#56B4E9")];

    /// <summary>For reference lines and what is not the message.</summary>
    public static Color Grey { get; } = Color.FromHex("#6E6E6E");

    private static readonly string[] Fonts = ["DejaVu Sans", "Liberation Sans", "Arial", "Helvetica", "Noto Sans"];

    // The first that the machine has; ScottPlot's own choice can be one with serifs.
    static Chart() => ScottPlot.Fonts.Default = Fonts.FirstOrDefault(SKFontManager.Default.FontFamilies.Contains) ?? ScottPlot.Fonts.Default;

    /// <summary>An empty figure.</summary>
    public static Plot New(string title, string x, string y)
    {
        var plot = new Plot();
        plot.Title(title, 17);
        plot.XLabel(x, 15);
        plot.YLabel(y, 15);
        plot.Axes.Bottom.TickLabelStyle.FontSize = plot.Axes.Left.TickLabelStyle.FontSize = 13;
        plot.Axes.Title.Label.Bold = plot.Axes.Bottom.Label.Bold = plot.Axes.Left.Label.Bold = false;
        plot.Axes.Bottom.TickGenerator = new NumericAutomatic { TickDensity = .6, MinorTickGenerator = new EvenlySpacedMinorTickGenerator(1) };
        plot.Axes.Left.TickGenerator = new NumericAutomatic { TickDensity = .6, MinorTickGenerator = new EvenlySpacedMinorTickGenerator(1) };
        plot.Axes.Top.FrameLineStyle.IsVisible = plot.Axes.Right.FrameLineStyle.IsVisible = false;
        plot.Grid.MajorLineColor = Color.FromHex("#E4E4E4");
        plot.Legend.FontSize = 13;
        plot.Legend.OutlineColor = Colors[0].WithAlpha(0);
        plot.Legend.ShadowColor = Colors[0].WithAlpha(0);
        return plot;
    }

    /// <summary>Names the rows of a figure whose y are categories, the first on top.</summary>
    public static void Rows(Plot plot, IReadOnlyList<string> names)
    {
        plot.Axes.Left.SetTicks([.. Enumerable.Range(0, names.Count).Select(i => -(double)i)], [.. names]);
        plot.Axes.Left.MajorTickStyle.Length = 0;
        plot.Axes.SetLimitsY(-names.Count + 0.4, 0.6);
    }

    /// <summary>A mark with its 95% interval.</summary>
    public static void Interval(Plot plot, double y, double value, double[]? bounds, Color color)
    {
        // Also where it has no length: ScottPlot leaves the pattern of a dashed line on its paint until the next line, and
        // Skia's SVG complains of a circle with a pattern.
        var line = plot.Add.Line(bounds?[0] ?? value, y, bounds?[1] ?? value, y);
        (line.LineWidth, line.Color) = (3, color.WithAlpha(.5));
        plot.Add.Marker(value, y, MarkerShape.FilledCircle, 11, color);
    }

    /// <summary>Words inside the figure.</summary>
    public static void Note(Plot plot, string text, double x, double y, Alignment alignment, Color? color = null, float size = 13)
    {
        var note = plot.Add.Text(text, x, y);
        (note.LabelAlignment, note.LabelFontSize, note.LabelFontColor) = (alignment, size, color ?? Grey);
    }

    /// <summary>Writes both files.</summary>
    public static void Save(Plot plot, string directory, string name, int width = 820, int height = 520)
    {
        plot.ScaleFactor = 1;
        var svg = Encoding.UTF8.GetBytes(plot.GetSvgXml(width, height));
        OutputFiles.Write(Path.Combine(directory, name + ".svg"), stream => stream.Write(svg));
        plot.ScaleFactor = 2;
        var png = plot.GetImageBytes(width * 2, height * 2, ImageFormat.Png);
        OutputFiles.Write(Path.Combine(directory, name + ".png"), stream => stream.Write(png));
    }
}
