using EmoStream.Cli.Input;
using EmoStream.Contracts.Events;

namespace EmoStream.Cli.Evaluate;

/// <summary>A conversation's utterances as they stand after the whole file.</summary>
internal sealed class Conversation
{
    private readonly Dictionary<string, int> _places = [];
    private readonly List<Turn> _turns = [];

    /// <summary>In order of first appearance.</summary>
    public IReadOnlyList<Turn> Turns => _turns;

    /// <summary>Lines that bring an utterance again: left out, as the stream does with what is delivered twice.</summary>
    public int Repeated { get; private set; }

    /// <summary>Gathers a file by conversation.</summary>
    /// <exception cref="InputException">A line is unusable: a score over part of a file would not be the file's score.</exception>
    public static IReadOnlyCollection<Conversation> Gather(InputFile file) => Gather(file.Lines(), file.Path);

    /// <summary>Gathers lines by conversation.</summary>
    /// <param name="lines">In the order in which they happened.</param>
    /// <param name="path">Where they come from, for complaints.</param>
    /// <exception cref="InputException">A line is unusable.</exception>
    public static IReadOnlyCollection<Conversation> Gather(IEnumerable<InputLine> lines, string path)
    {
        var conversations = new Dictionary<string, Conversation>();
        foreach (var line in lines)
        {
            if (line.Event is not { } e)
            {
                throw new InputException($"{path} line {line.Number}: {line.Error}");
            }

            if (!conversations.TryGetValue(e.ConversationId, out var conversation))
            {
                conversations.Add(e.ConversationId, conversation = new Conversation());
            }

            conversation.Apply(line, e);
        }

        return conversations.Values;
    }

    private void Apply(InputLine line, UtteranceEvent e)
    {
        var known = _places.TryGetValue(e.UtteranceId, out var place);
        switch (e.Kind)
        {
            case UtteranceKind.Retraction when known:
                _turns[place] = _turns[place] with { IsRetracted = true };
                break;
            case UtteranceKind.Revision when known:
                // The annotation belongs to the utterance, not to one hypothesis of its text.
                _turns[place] = new(line with { Label = line.Label ?? _turns[place].Line.Label });
                break;
            case UtteranceKind.Utterance or UtteranceKind.Revision when !known:
                _places.Add(e.UtteranceId, _turns.Count);
                _turns.Add(new(line));
                break;
            case UtteranceKind.Utterance:
                Repeated++;
                break;
        }
    }
}

/// <summary>One utterance of a conversation; a retracted one keeps its place, as it does in the stream.</summary>
internal readonly record struct Turn(InputLine Line, bool IsRetracted = false);
