using EmoStream.Cli.Input;
using Spectre.Console;

namespace EmoStream.Cli.Replay;

/// <summary>Shows how far a replay is, on standard error: a bar with rate and ETA for people, a line per tenth when redirected.</summary>
internal static class ReplayProgress
{
    public delegate Task<ReplayResult> Work(Action<InputLine> sent, Action<InputLine> refused);

    public static async Task<ReplayResult> RunAsync(Terminal terminal, InputPlan plan, Work work)
    {
        var started = TimeProvider.System.GetTimestamp();
        var result = terminal.Err.Profile.Capabilities.Interactive
            ? await DrawAsync(terminal, plan, work)
            : await PrintAsync(terminal, plan, work);
        var elapsed = TimeProvider.System.GetElapsedTime(started);
        terminal.Err.MarkupLineInterpolated(
            $"{result.Sent} events of {result.Conversations} conversations in {elapsed.TotalSeconds:F1} s ({Rate(result.Sent, elapsed):F0}/s), {result.Refused} unusable lines");
        return result;
    }

    private static Task<ReplayResult> DrawAsync(Terminal terminal, InputPlan plan, Work work)
        => terminal.Err.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new CountColumn(), new RemainingTimeColumn(), new SpinnerColumn())
            .StartAsync(context =>
            {
                var bar = context.AddTask("replay", maxValue: Math.Max(1, plan.Events));
                return work(_ => bar.Increment(1), line => Complain(terminal, line));
            });

    private static Task<ReplayResult> PrintAsync(Terminal terminal, InputPlan plan, Work work)
    {
        var sent = 0;
        var step = Math.Max(1, plan.Events / 10);
        return work(
            _ =>
            {
                if (++sent % step == 0)
                {
                    terminal.Err.MarkupLineInterpolated($"{sent}/{plan.Events}");
                }
            },
            line => Complain(terminal, line));
    }

    private static void Complain(Terminal terminal, InputLine line)
        => terminal.Err.MarkupLineInterpolated($"[yellow]line {line.Number}:[/] {line.Error}");

    private static double Rate(int count, TimeSpan elapsed) => elapsed > TimeSpan.Zero ? count / elapsed.TotalSeconds : 0;

    private sealed class CountColumn : ProgressColumn
    {
        public override Spectre.Console.Rendering.IRenderable Render(Spectre.Console.Rendering.RenderOptions options, ProgressTask task, TimeSpan deltaTime)
            => new Markup(FormattableString.Invariant($"{task.Value:F0}/{task.MaxValue:F0} [grey]{task.Speed ?? 0:F0}/s[/]"));
    }
}
