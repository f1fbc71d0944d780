using Spectre.Console;

namespace EmoStream.Cli;

/// <summary>A bar on standard error for work of known size; nothing when nobody watches.</summary>
internal static class Progress
{
    /// <summary>Runs the work; it reports how many items it has just done.</summary>
    public static void Run(Terminal terminal, string title, int total, Action<Action<int>> work)
    {
        if (!terminal.Err.Profile.Capabilities.Interactive)
        {
            work(static _ => { });
            return;
        }

        terminal.Err.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                var bar = context.AddTask(title, maxValue: Math.Max(1, total));
                work(done => bar.Increment(done));
            });
    }
}
