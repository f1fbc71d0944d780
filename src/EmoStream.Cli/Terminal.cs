using Spectre.Console;

namespace EmoStream.Cli;

/// <summary>
/// Where commands write: results to standard output, progress and complaints to standard error, so that a redirected
/// result is nothing but the result. Spectre.Console honours NO_COLOR and drops colours and cursor movements when redirected.
/// </summary>
internal sealed class Terminal
{
    // Tables of redirected output must not wrap: a line is a row for the tools that read it.
    private const int RedirectedWidth = 400;

    public Terminal(TextWriter output, TextWriter error)
    {
        (Output, Error) = (CommandWriter.ForResults(output), CommandWriter.ForComplaints(error));
        Out = Create(output, Output, Console.IsOutputRedirected || output != Console.Out);
        Err = Create(error, Error, Console.IsErrorRedirected || error != Console.Error);
    }

    /// <summary>Standard output, for text that is not to be formatted (JSON).</summary>
    public TextWriter Output { get; }

    /// <summary>Standard error, unformatted.</summary>
    public TextWriter Error { get; }

    public IAnsiConsole Out { get; }

    public IAnsiConsole Err { get; }

    /// <summary>Whether a person watches standard output: live displays are drawn only then.</summary>
    public bool IsLive => Out.Profile.Capabilities.Interactive && Out.Profile.Capabilities.Ansi;

    /// <summary>One complaint, and what to do about it.</summary>
    public void Fail(string message, string? remedy = null)
    {
        Err.MarkupLineInterpolated($"[red]error:[/] {message}");
        if (remedy is not null)
        {
            Err.MarkupLineInterpolated($"       {remedy}");
        }
    }

    private static IAnsiConsole Create(TextWriter standard, TextWriter writer, bool redirected)
    {
        var settings = new AnsiConsoleSettings { Out = new AnsiConsoleOutput(standard) };
        if (redirected)
        {
            settings.Ansi = AnsiSupport.No;
            settings.ColorSystem = ColorSystemSupport.NoColors;
            settings.Interactive = InteractionSupport.No;
        }

        var console = AnsiConsole.Create(settings);
        // Spectre.Console knows a terminal by the process' own writer.
        console.Profile.Out = new Written(console.Profile.Out, writer);
        if (redirected)
        {
            console.Profile.Width = RedirectedWidth;
        }

        console.Pipeline.Attach(new ControlCharacters());
        return console;
    }

    /// <summary>The same terminal, written through another writer.</summary>
    private sealed class Written(IAnsiConsoleOutput terminal, TextWriter writer) : IAnsiConsoleOutput
    {
        public TextWriter Writer => writer;

        public bool IsTerminal => terminal.IsTerminal;

        public int Width => terminal.Width;

        public int Height => terminal.Height;

        public void SetEncoding(System.Text.Encoding encoding) => terminal.SetEncoding(encoding);
    }
}
