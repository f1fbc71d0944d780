using EmoStream.Contracts.Timeline;
using Spectre.Console;

namespace EmoStream.Cli.Watch;

/// <summary>
/// Shows a timeline while it grows: a live screen for people, a plain line per change when output is redirected.
/// </summary>
internal sealed class TimelineDisplay(Terminal terminal, Func<string> caption)
{
    public TimelineModel Model { get; } = new();

    /// <summary>Shows entries until there are no more, or <paramref name="seen"/> says that is enough.</summary>
    public async Task RunAsync(IAsyncEnumerable<TimelineEntry> entries, Func<TimelineEntry, bool> seen)
    {
        if (!terminal.IsLive)
        {
            await foreach (var entry in entries)
            {
                if (Model.Apply(entry))
                {
                    terminal.Output.WriteLine(TimelineTable.Line(entry));
                }

                if (seen(entry))
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
                // Seen first: the caption tells what it counts.
                var enough = seen(entry);
                if (Model.Apply(entry))
                {
                    live.UpdateTarget(Draw());
                }

                if (enough)
                {
                    return;
                }
            }
        });
    }

    private Spectre.Console.Rendering.IRenderable Draw()
        => TimelineTable.Screen(Model, caption(), terminal.Out.Profile.Width, terminal.Out.Profile.Height);
}
