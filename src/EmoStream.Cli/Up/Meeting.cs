using EmoStream.Cli.Input;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Timeline;

namespace EmoStream.Cli.Up;

/// <summary>The meeting that <c>up</c> replays, and what its timeline must show before it is done.</summary>
internal sealed class Meeting
{
    // null: retracted. The text is the last one that the source gave.
    private readonly Dictionary<string, string?> _expected;
    private readonly HashSet<string> _open;

    private Meeting(InputFile file, InputPlan plan, string conversationId, Dictionary<string, string?> expected)
    {
        (File, Plan, ConversationId, _expected) = (file, plan, conversationId, expected);
        _open = [.. expected.Keys];
    }

    public InputFile File { get; }

    public InputPlan Plan { get; }

    public string ConversationId { get; }

    /// <summary>Utterances that the whole timeline has, retracted ones included.</summary>
    public int Utterances => _expected.Count;

    /// <summary>What the whole timeline has, in words.</summary>
    public string Summary
    {
        get
        {
            var retracted = _expected.Values.Count(text => text is null);
            return retracted == 0
                ? FormattableString.Invariant($"{Utterances} utterances, all final")
                : FormattableString.Invariant($"{Utterances - retracted} utterances, {retracted} retracted");
        }
    }

    /// <summary>Utterances that are not settled yet.</summary>
    public int Open => _open.Count;

    /// <summary>Reads a meeting.</summary>
    /// <exception cref="InputException">The file is no single, valid conversation.</exception>
    public static Meeting Load(string path)
    {
        var file = new InputFile(path);
        var plan = new InputPlan();
        var expected = new Dictionary<string, string?>();
        string? conversation = null;
        foreach (var line in file.Lines())
        {
            plan.Add(line);
            var e = line.Event ?? throw new InputException($"{path}: line {line.Number}: {line.Error}");
            conversation ??= e.ConversationId;
            if (e.ConversationId != conversation)
            {
                throw new InputException($"{path}: line {line.Number} starts a second conversation; up shows one. Use `emostream up --no-meeting --kafka ...` and `emostream replay`.");
            }

            Expect(expected, e);
        }

        return conversation is null || expected.Count == 0
            ? throw new InputException($"{path}: no utterance in it.")
            : new Meeting(file, plan, conversation, expected);
    }

    /// <summary>Takes a change of the timeline; true once every utterance stands as the file leaves it.</summary>
    public bool Settle(TimelineEntry entry)
    {
        if (_expected.TryGetValue(entry.UtteranceId, out var text))
        {
            var settled = text is null
                ? entry.Status == EntryStatus.Retracted
                // A policy that does not allow text leaves none to compare.
                : entry.Status is EntryStatus.Final or EntryStatus.Revised && (entry.Text is null || entry.Text == text);
            if (settled)
            {
                _open.Remove(entry.UtteranceId);
            }
            else
            {
                _open.Add(entry.UtteranceId);
            }
        }

        return _open.Count == 0;
    }

    private static void Expect(Dictionary<string, string?> expected, UtteranceEvent e)
    {
        switch (e.Kind)
        {
            case UtteranceKind.Utterance:
                expected.TryAdd(e.UtteranceId, e.Text ?? "");
                break;
            case UtteranceKind.Revision:
                expected[e.UtteranceId] = e.Text ?? "";
                break;
            case UtteranceKind.Retraction when expected.ContainsKey(e.UtteranceId):
                expected[e.UtteranceId] = null;
                break;
        }
    }
}
