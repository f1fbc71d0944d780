using Spectre.Console;

namespace EmoStream.Cli;

/// <summary>A bar on standard error; nothing when nobody watches.</summary>
internal static class Progress
{
    /// <summary>Runs the work; it reports how many items of the total it has just done.</summary>
    /// <param name="terminal">Where the bar is drawn.</param>
    /// <param name="title">What stands before it.</param>
    /// <param name="total">Items; null where nobody knows before the end.</param>
    /// <param name="work">The work.</param>
    public static void Run(Terminal terminal, string title, long? total, Action<Action<int>> work)
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
                var bar = context.AddTask(title, maxValue: Math.Max(1, total ?? 1));
                bar.IsIndeterminate = total is null;
                work(done => bar.Increment(done));
            });
    }
}
