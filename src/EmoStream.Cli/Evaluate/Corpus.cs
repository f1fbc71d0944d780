using EmoStream.Cli.Input;
using EmoStream.Contracts;
using EmoStream.Contracts.Inference;
using EmoStream.Inference.Encoding;
using EmoStream.Inference.Scoring;

namespace EmoStream.Cli.Evaluate;

/// <summary>
/// The conversations of a file as one model sees them. Every utterance is encoded here, once; all that is scored later
/// (subsets, missing rates, resamples) starts from these descriptors, as a conversation's window does when serving.
/// </summary>
internal sealed class Corpus
{
    /// <summary>Rows that are scored together; enough to fill the model's runs.</summary>
    public const int RowsPerBatch = 256;

    private Corpus(ModelDescription model, IReadOnlyList<Dialogue> dialogues) => (Model, Dialogues) = (model, dialogues);

    public ModelDescription Model { get; }

    public IReadOnlyList<Dialogue> Dialogues { get; }

    public IEnumerable<Row> Rows => Dialogues.SelectMany(dialogue => dialogue.Rows);

    /// <summary>Modalities of the model that at least one utterance brings, as a mask.</summary>
    public int Brought => Rows.Aggregate(0, (mask, row) => mask | row.Available);

    /// <summary>Encodes a file's conversations.</summary>
    /// <param name="scorer">The model.</param>
    /// <param name="path">The file, for messages.</param>
    /// <param name="conversations">What it holds.</param>
    /// <param name="encoded">Called with the number of rows just encoded, or passed over because they were retracted.</param>
    /// <param name="cancellationToken">Stops between two batches.</param>
    /// <exception cref="InputException">A line does not fit the model.</exception>
    public static Corpus Encode(IScorer scorer, string path, IEnumerable<Conversation> conversations, Action<int> encoded, CancellationToken cancellationToken)
    {
        var model = scorer.Description;
        var dialogues = new List<Dialogue>();
        var encodedRows = new List<(Row Row, RowInput Input)>();
        var passed = 0;
        foreach (var conversation in conversations)
        {
            var speakers = new Dictionary<string, int>();
            var rows = new Row[conversation.Turns.Count];
            for (var i = 0; i < rows.Length; i++)
            {
                var turn = conversation.Turns[i];
                var id = turn.Line.Event!.Speaker!.Id;
                if (!speakers.TryGetValue(id, out var speaker))
                {
                    speakers.Add(id, speaker = speakers.Count);
                }

                // What brings nothing keeps its row, as in the stream: the distances of the others do not change.
                rows[i] = new Row(turn, speaker, model);
                passed++;
                if (!turn.IsRetracted)
                {
                    LineRules.Check(path, turn.Line, model);
                    encodedRows.Add((rows[i], Input(turn.Line)));
                }

                if (encodedRows.Count >= RowsPerBatch)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    Encode(scorer, encodedRows);
                    encoded(passed);
                    encodedRows.Clear();
                    passed = 0;
                }
            }

            dialogues.Add(new Dialogue(rows, speakers.Count, conversation.Repeated));
        }

        Encode(scorer, encodedRows);
        encoded(passed);
        return new Corpus(model, dialogues);
    }

    private static void Encode(IScorer scorer, List<(Row Row, RowInput Input)> rows)
    {
        if (rows.Count == 0)
        {
            return;
        }

        var request = new ScoreRequest { Rows = [.. rows.Select(row => new ContextRow { Speaker = row.Row.Speaker, Input = row.Input })], Scored = [] };
        var descriptors = scorer.Score([request])[0].Descriptors;
        for (var i = 0; i < rows.Count; i++)
        {
            rows[i].Row.Fill(descriptors[i]!, scorer.Description);
        }
    }

    private static RowInput Input(InputLine line)
    {
        var e = line.Event!;
        return new()
        {
            Text = line.TextFeatures is not null || string.IsNullOrWhiteSpace(e.Text) ? null : e.Text,
            Audio = e.Audio,
            Face = e.Face,
            Body = e.Body,
        };
    }
}

/// <summary>One conversation of the corpus.</summary>
/// <param name="Rows">Its utterances, in order.</param>
/// <param name="Speakers">How many speak.</param>
/// <param name="Repeated">Lines that bring an utterance again, which are no rows.</param>
internal sealed record Dialogue(IReadOnlyList<Row> Rows, int Speakers, int Repeated);

/// <summary>One utterance: its line, and what the model gets of it.</summary>
internal sealed class Row
{
    /// <summary>A row that brings nothing yet.</summary>
    public Row(Turn turn, int speaker, ModelDescription model)
    {
        (Line, Speaker, Descriptors) = (turn.Line, speaker, new byte[]?[model.Modalities.Length]);
        Label = !turn.IsRetracted && Line.Label is { } label ? Array.IndexOf(model.Labels, label) : -1;
    }

    public InputLine Line { get; }

    /// <summary>Number of the speaker within the conversation.</summary>
    public int Speaker { get; }

    /// <summary>Per modality of the model; null where the utterance does not bring it.</summary>
    public byte[]?[] Descriptors { get; }

    /// <summary>Bit m: the utterance brings modality m of the model.</summary>
    public int Available { get; private set; }

    /// <summary>Index of the annotation in the model's labels; -1 without one, or when the utterance was retracted.</summary>
    public int Label { get; }

    /// <summary>Takes what the utterance brings, encoded.</summary>
    public void Fill(byte[]?[] descriptors, ModelDescription model)
    {
        for (var m = 0; m < descriptors.Length; m++)
        {
            Descriptors[m] = model.Modalities[m].Name == Modality.Text && Line.TextFeatures is { } features ? Descriptor.Pack(features.Values) : descriptors[m];
            Available |= Descriptors[m] is null ? 0 : 1 << m;
        }
    }

    /// <summary>The row with only the modalities of a mask.</summary>
    public ContextRow Keep(int mask)
    {
        if ((Available & ~mask) == 0)
        {
            return new() { Speaker = Speaker, Descriptors = Descriptors };
        }

        var kept = new byte[]?[Descriptors.Length];
        for (var m = 0; m < kept.Length; m++)
        {
            kept[m] = (mask & (1 << m)) == 0 ? null : Descriptors[m];
        }

        return new() { Speaker = Speaker, Descriptors = kept };
    }
}
