using EmoStream.Contracts.Events;

namespace EmoStream.Cli.Input;

/// <summary>
/// Reads utterances from a file, whichever of the known forms it has: event JSONL, dataset JSONL (a line's form is
/// told by its members), or MELD's CSV (by the file's extension). Lines come one by one; a bad one does not stop it.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="featureSpaces">Feature space by modality: what the dataset form's vectors are; none = vectors are left out.</param>
/// <param name="needsModality">Whether an utterance that brings no modality is unusable, as it is for the system; else it is context.</param>
internal sealed class InputFile(string path, IReadOnlyDictionary<string, string>? featureSpaces = null, bool needsModality = true)
{
    private List<InputLine>? _kept;

    /// <summary>The file, as it was named.</summary>
    public string Path => path;

    /// <summary>The lines in file order; enumerating again reads the file again. A pipe is read once, and its lines are kept.</summary>
    /// <exception cref="InputException">The file cannot be read.</exception>
    public IEnumerable<InputLine> Lines()
    {
        var lines = path.EndsWith(".csv", StringComparison.OrdinalIgnoreCase)
            ? MeldCsvReader.Read(path)
            : _kept ?? ReadJsonLines();
        foreach (var line in lines)
        {
            yield return Validate(line);
        }
    }

    /// <summary>What must be known before the first record is sent: how many there are and where conversations end.</summary>
    public InputPlan Plan()
    {
        var plan = new InputPlan();
        foreach (var line in Lines())
        {
            plan.Add(line);
        }

        return plan;
    }

    private IEnumerable<InputLine> ReadJsonLines()
    {
        using var stream = Utf8Lines.Open(path);
        var kept = stream.CanSeek ? null : new List<InputLine>();
        foreach (var (number, text) in Utf8Lines.Read(path, stream))
        {
            var line = text is null ? InputLine.Bad(number, "not valid UTF-8") : JsonLineReader.Read(number, text, featureSpaces);
            kept?.Add(line);
            yield return line;
        }

        _kept = kept;
    }

    private InputLine Validate(InputLine line)
        => line.Event is { } e && UtteranceEventValidator.Validate(e) is { } error && !IsAllowed(line, error) ? InputLine.Bad(line.Number, error) : line;

    /// <summary>An event needs a modality; a line with nothing but a vector of its text has one.</summary>
    private bool IsAllowed(InputLine line, string error) => (line.TextFeatures is not null || !needsModality) && error.StartsWith("no-modality:", StringComparison.Ordinal);
}

/// <summary>Counts of an input file, and the line after which each conversation is over.</summary>
internal sealed class InputPlan
{
    private readonly Dictionary<string, int> _lastLines = [];
    private readonly HashSet<string> _ended = [];

    /// <summary>Usable lines.</summary>
    public int Events { get; private set; }

    /// <summary>Unusable lines.</summary>
    public int Errors { get; private set; }

    /// <summary>Different conversations.</summary>
    public int Conversations => _lastLines.Count;

    /// <summary>Their ids.</summary>
    public IReadOnlyCollection<string> ConversationIds => _lastLines.Keys;

    public void Add(InputLine line)
    {
        if (line.Event is not { } e)
        {
            Errors++;
            return;
        }

        Events++;
        _lastLines[e.ConversationId] = line.Number;
        if (e.Kind == UtteranceKind.End)
        {
            _ended.Add(e.ConversationId);
        }
    }

    /// <summary>Whether the line is the last of its conversation and the file does not end it by itself.</summary>
    public bool NeedsEndAfter(InputLine line)
        => line.Event is { } e && _lastLines[e.ConversationId] == line.Number && !_ended.Contains(e.ConversationId);
}
