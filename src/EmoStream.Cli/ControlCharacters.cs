using Spectre.Console;
using Spectre.Console.Rendering;

namespace EmoStream.Cli;

/// <summary>
/// Shows control characters instead of sending them: names and labels come from files, and terminals take orders in
/// text. So do those that turn the direction of writing, which make a line read as another.
/// </summary>
internal sealed class ControlCharacters : IRenderHook
{
    public IEnumerable<IRenderable> Process(RenderOptions options, IEnumerable<IRenderable> renderables) => renderables.Select(inner => new Shown(inner));

    /// <summary>For text that reaches a terminal otherwise.</summary>
    public static string Show(string text) => string.Concat(text.Select(c => IsShown(c) ? Picture(c) : c));

    private static Segment Show(Segment segment)
        => segment.IsControlCode || segment.IsLineBreak || !segment.Text.Any(IsShown)
            ? segment
            : new Segment(Show(segment.Text), segment.Style);

    private static bool IsShown(char c) => (char.IsControl(c) && c != '\n') || c is (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069');

    // Unicode has a picture for each of the first 32.
    private static char Picture(char c) => c < ' ' ? (char)('\u2400' + c) : '\uFFFD';

    private sealed class Shown(IRenderable inner) : IRenderable
    {
        public Measurement Measure(RenderOptions options, int maxWidth) => inner.Measure(options, maxWidth);

        public IEnumerable<Segment> Render(RenderOptions options, int maxWidth) => inner.Render(options, maxWidth).Select(Show);
    }
}
