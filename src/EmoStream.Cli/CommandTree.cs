using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Confluent.Kafka;
using EmoStream.Cli.DeadLetters;
using EmoStream.Cli.Diff;
using EmoStream.Cli.Doctor;
using EmoStream.Cli.Evaluate;
using EmoStream.Cli.Features;
using EmoStream.Cli.Input;
using EmoStream.Cli.Replay;
using EmoStream.Cli.Up;
using EmoStream.Cli.Watch;
using EmoStream.Inference.Bundle;

namespace EmoStream.Cli;

/// <summary>The command tree, and what every command shares: exit codes, cancellation, help with examples.</summary>
internal static class CommandTree
{
    // How long Ctrl+C waits for a command to end by itself: a silo hands its conversations over first.
    private static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(15);

    /// <summary>Parses and runs; the answer is the process' exit code.</summary>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error)
    {
        var terminal = new Terminal(output, error);
        var root = new RootCommand("EmoStream: live meetings become emotion timelines.")
        {
            UpCommand.Create(terminal),
            ReplayCommand.Create(terminal),
            WatchCommand.Create(terminal),
            EvaluateCommand.Create(terminal),
            DiffCommand.Create(terminal),
            FeaturesCommand.Create(terminal),
            DlqCommand.Create(terminal),
            DoctorCommand.Create(terminal),
        };
        UseHelp(root, """
            Examples:
              emostream up                              everything in this process, with a sample meeting
              emostream doctor                          what is missing on this machine, and what to do
              emostream COMMAND --help                  options, examples and environment of a command

            Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
            """);

        var parsed = root.Parse(args);
        var configuration = new InvocationConfiguration { Output = terminal.Output, Error = terminal.Error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = ShutdownTimeout };
        if (parsed.Action is ParseErrorAction wrong)
        {
            // A page of help would push the error off the screen.
            wrong.ShowHelp = false;
            await parsed.InvokeAsync(configuration);
            terminal.Error.WriteLine($"{string.Join(' ', PathTo(parsed.CommandResult))} --help says how.");
            return ExitCode.Usage;
        }

        try
        {
            return await parsed.InvokeAsync(configuration);
        }
        catch (OutputException e)
        {
            terminal.Fail($"writing the result failed: {e.Message}");
            return ExitCode.Failure;
        }
    }

    private static IEnumerable<string> PathTo(CommandResult command)
        => [.. command.Parent is CommandResult parent ? PathTo(parent) : ["emostream"], .. command.Parent is null ? (string[])[] : [command.Command.Name]];

    /// <summary>Sets what a command does; failures that a user can do something about become one line and exit code 1.</summary>
    public static void Run(this Command command, Terminal terminal, Func<ParseResult, CancellationToken, Task<int>> run)
        => command.SetAction(async (parsed, cancellationToken) =>
        {
            try
            {
                // System.CommandLine listens to Ctrl+C and SIGTERM once the action is pending, not before.
                return await Task.Run(() => run(parsed, cancellationToken), cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return ExitCode.Cancelled;
            }
            catch (Exception e) when (e is InputException or BundleException)
            {
                terminal.Fail(e.Message);
                return ExitCode.Failure;
            }
            catch (KafkaException e)
            {
                terminal.Fail($"Kafka: {e.Error.Reason}.", "The command may be given again.");
                return ExitCode.Failure;
            }
            catch (Exception e) when (e is not OutputException)
            {
                // Ours to mend: whoever reports it needs the trace.
                terminal.Fail($"unexpected {e.GetType().Name}: {e.Message}");
                terminal.Error.WriteLine(e.StackTrace);
                return ExitCode.Failure;
            }
        });

    /// <summary>Adds a text below the generated help: examples and environment.</summary>
    public static void UseHelp(this Command command, string text)
    {
        var help = command.Options.OfType<HelpOption>().FirstOrDefault();
        if (help is null)
        {
            command.Options.Add(help = new HelpOption());
        }

        help.Action = new HelpWithExamples((HelpAction)help.Action!, text);
    }

    private sealed class HelpWithExamples(HelpAction help, string text) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            var result = help.Invoke(parseResult);
            parseResult.InvocationConfiguration.Output.WriteLine(text);
            return result;
        }
    }
}
