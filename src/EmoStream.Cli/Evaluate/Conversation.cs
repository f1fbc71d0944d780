using EmoStream.Cli.Input;
using EmoStream.Contracts.Events;

namespace EmoStream.Cli.Evaluate;

/// <summary>A conversation's utterances as they stand after the whole file: revised texts, nothing retracted.</summary>
internal sealed class Conversation
{
    private readonly Dictionary<string, int> _places = [];
    private readonly List<InputLine?> _lines = [];

    /// <summary>In order of first appearance.</summary>
    public IReadOnlyList<InputLine> Lines => _lines.Where(line => line is not null).Select(line => line!.Value).ToList();

    /// <summary>Gathers a file by conversation.</summary>
    /// <exception cref="InputException">A line is unusable: a score over part of a file would not be the file's score.</exception>
    public static IReadOnlyCollection<Conversation> Gather(IEnumerable<InputLine> lines)
    {
        var conversations = new Dictionary<string, Conversation>();
        foreach (var line in lines)
        {
            if (line.Event is not { } e)
            {
                throw new InputException($"line {line.Number}: {line.Error}");
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
                _lines[place] = null;
                break;
            case UtteranceKind.Revision when known:
                // The annotation belongs to the utterance, not to one hypothesis of its text.
                _lines[place] = line with { Label = line.Label ?? _lines[place]?.Label };
                break;
            case UtteranceKind.Utterance or UtteranceKind.Revision when !known:
                _places.Add(e.UtteranceId, _lines.Count);
                _lines.Add(line);
                break;
        }
    }
}
