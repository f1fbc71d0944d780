using System.Text;
using EmoStream.Cli.Input;

namespace EmoStream.Cli;

/// <summary>Standard output or error, whose failures are told from those of any other file.</summary>
/// <param name="inner">The stream itself.</param>
/// <param name="failed">Called with what the system refused; when it returns, the text is dropped.</param>
internal sealed class CommandWriter(TextWriter inner, Action<Exception> failed) : TextWriter(inner.FormatProvider)
{
    public override Encoding Encoding => inner.Encoding;

    /// <summary>The results: a command that cannot write them fails.</summary>
    public static CommandWriter ForResults(TextWriter output) => new(output, static e => throw new OutputException(e));

    /// <summary>Complaints: where nobody takes them, the exit code still tells.</summary>
    public static CommandWriter ForComplaints(TextWriter error) => new(error, static _ => { });

    public override void Write(char value) => Guard(value, static (writer, value) => writer.Write(value));

    public override void Write(string? value) => Guard(value, static (writer, value) => writer.Write(value));

    public override void Write(char[] buffer, int index, int count)
        => Guard((buffer, index, count), static (writer, part) => writer.Write(part.buffer, part.index, part.count));

    public override void Flush() => Guard(0, static (writer, _) => writer.Flush());

    private void Guard<T>(T value, Action<TextWriter, T> write)
    {
        try
        {
            write(inner, value);
        }
        catch (Exception e) when (InputException.IsOfFiles(e))
        {
            failed(e);
        }
    }
}

/// <summary>Standard output does not take the result: it is full or closed.</summary>
internal sealed class OutputException(Exception inner) : Exception(inner.Message, inner);
