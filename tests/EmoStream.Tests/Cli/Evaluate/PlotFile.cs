using System.Xml.Linq;
using SkiaSharp;

namespace EmoStream.Tests.Cli.Evaluate;

/// <summary>Whether a figure that was written is one.</summary>
internal static class PlotFile
{
    /// <summary>Fails unless DIRECTORY/NAME.png decodes and shows something, and NAME.svg is a drawing of half its size.</summary>
    public static void AssertIsFigure(string directory, string name)
    {
        using var bitmap = SKBitmap.Decode(Path.Combine(directory, name + ".png"));
        Assert.True(bitmap is not null, $"{name}.png is no image");
        var colours = bitmap.Pixels.Distinct().Count();
        Assert.True(colours > 20, $"{name}.png has {colours} colours");

        var svg = XDocument.Load(Path.Combine(directory, name + ".svg")).Root!;
        Assert.Equal("svg", svg.Name.LocalName);
        Assert.Equal((bitmap.Width / 2, bitmap.Height / 2), ((int)svg.Attribute("width")!, (int)svg.Attribute("height")!));
        Assert.True(svg.Descendants().Count(element => element.Name.LocalName is "text" or "path" or "rect") > 10, $"{name}.svg is empty");
    }
}
