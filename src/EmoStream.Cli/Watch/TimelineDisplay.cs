using EmoStream.Contracts.Timeline;
using Spectre.Console;

namespace EmoStream.Cli.Watch;

/// <summary>
/// Shows a timeline while it grows: a live screen for people, a plain line per change when output is redirected.
/// </summary>
internal sealed class TimelineDisplay(Terminal terminal, Func<string> caption)
{
    public TimelineModel Model { get; } = new();

    /// <summary>Shows entries until there are no more, or <paramref name="enough"/> says so.</summary>
    public async Task RunAsync(IAsyncEnumerable<TimelineEntry> entries, Func<TimelineEntry, bool> enough)
    {
        if (!terminal.IsLive)
        {
            await foreach (var entry in entries)
            {
                if (Model.Apply(entry))
                {
                    terminal.Output.WriteLine(TimelineTable.Line(entry));
                }

                if (enough(entry))
                {
                    return;
                }
            }

            return;
        }

        await terminal.Out.Live(Draw()).Overflow(VerticalOverflow.Crop).Cropping(VerticalOverflowCropping.Top).StartAsync(async live =>
        {
            await foreach (var entry in entries)
            {
                if (Model.Apply(entry))
                {
                    live.UpdateTarget(Draw());
                }

                if (enough(entry))
                {
                    return;
                }
            }
        });
    }

    private Spectre.Console.Rendering.IRenderable Draw()
        => TimelineTable.Screen(Model, caption(), terminal.Out.Profile.Width, terminal.Out.Profile.Height);
}
