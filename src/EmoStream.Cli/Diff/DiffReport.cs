using System.Text.Json;
using System.Text.Json.Serialization;
using EmoStream.Cli.Evaluate;

namespace EmoStream.Cli.Diff;

/// <summary>What changes when the same conversations are scored by bundle B instead of bundle A.</summary>
internal sealed record DiffReport
{
    /// <summary>The file, or the conversation.</summary>
    public required string Source { get; init; }

    /// <summary>The first bundle.</summary>
    public required DiffBundle A { get; init; }

    /// <summary>The second bundle.</summary>
    public required DiffBundle B { get; init; }

    public required int Conversations { get; init; }

    /// <summary>Utterances that both bundles scored.</summary>
    public required int Utterances { get; init; }

    /// <summary>How many of them have another label.</summary>
    public required int Changed { get; init; }

    /// <summary>Utterances that bring nothing that both bundles take.</summary>
    public required int NotCompared { get; init; }

    /// <summary>Of those, the ones that the source took back.</summary>
    public required int Retracted { get; init; }

    /// <summary>Of those, the ones whose text the policy withheld; of a conversation of a running system.</summary>
    public required int WithheldTexts { get; init; }

    /// <summary>Whether the source keeps text alone, so that other modalities are missing for both bundles.</summary>
    public required bool TextOnly { get; init; }

    /// <summary>Rows are labels of A, columns labels of B, counted over the compared utterances.</summary>
    public required int[][] Matrix { get; init; }

    /// <summary>The changed utterances, or all that were compared, in order.</summary>
    public required IReadOnlyList<DiffRow> Rows { get; init; }

    /// <summary>Compares two sides.</summary>
    /// <param name="input">What both were given.</param>
    /// <param name="a">The first bundle.</param>
    /// <param name="b">The second bundle.</param>
    /// <param name="all">Whether unchanged utterances are listed, too.</param>
    public static DiffReport From(DiffInput input, BundleSide a, BundleSide b, bool all)
    {
        var conversations = Conversation.Gather(input.Lines, input.Source);
        var turns = conversations.SelectMany(c => c.Turns.Select((turn, index) => (Turn: turn, Index: index))).ToList();
        var rows = new List<DiffRow>();
        foreach (var (turn, index) in turns)
        {
            var e = turn.Line.Event!;
            if (a.Of(e) is { } first && b.Of(e) is { } second)
            {
                rows.Add(new(e.ConversationId, e.UtteranceId, index, e.StartMs, e.Speaker!.DisplayName ?? e.Speaker.Id, e.Text, first.Label != second.Label, first, second));
            }
        }

        var changed = rows.FindAll(row => row.Changed);
        var matrix = Array.ConvertAll(a.Model.Labels, _ => new int[b.Model.Labels.Length]);
        foreach (var row in rows)
        {
            matrix[Array.IndexOf(a.Model.Labels, row.A.Label)][Array.IndexOf(b.Model.Labels, row.B.Label)]++;
        }

        return new()
        {
            Source = input.Source,
            A = DiffBundle.From(a, b, rows, changed, row => row.A),
            B = DiffBundle.From(b, a, rows, changed, row => row.B),
            Conversations = conversations.Count,
            Utterances = rows.Count,
            Changed = changed.Count,
            NotCompared = turns.Count - rows.Count,
            Retracted = turns.Count(turn => turn.Turn.IsRetracted),
            WithheldTexts = input.WithheldTexts,
            TextOnly = input.IsConversation,
            Matrix = matrix,
            Rows = all ? rows : changed,
        };
    }

    public void WriteJson(TextWriter output) => output.WriteLine(JsonSerializer.Serialize(this, DiffJson.Default.DiffReport));
}

/// <summary>One bundle of a comparison.</summary>
/// <param name="Bundle"><c>name@version</c>.</param>
/// <param name="Modalities">What it takes.</param>
/// <param name="Labels">Its labels, in its order.</param>
/// <param name="OnlyHere">Labels that the other bundle does not know.</param>
/// <param name="LeftOut">By modality, utterances that bring it in a form that this bundle does not take.</param>
/// <param name="MeanConfidence">Over the compared utterances; null when there are none.</param>
/// <param name="MeanConfidenceChanged">Over those with another label; null when there are none.</param>
internal sealed record DiffBundle(
    string Bundle,
    IReadOnlyList<string> Modalities,
    IReadOnlyList<string> Labels,
    IReadOnlyList<string> OnlyHere,
    IReadOnlyDictionary<string, int> LeftOut,
    double? MeanConfidence,
    double? MeanConfidenceChanged)
{
    public static DiffBundle From(BundleSide side, BundleSide other, List<DiffRow> rows, List<DiffRow> changed, Func<DiffRow, DiffScore> score) => new(
        side.Model.Bundle,
        Array.ConvertAll(side.Model.Modalities, m => m.Name),
        side.Model.Labels,
        [.. side.Model.Labels.Except(other.Model.Labels)],
        side.LeftOut,
        rows.Average(row => (double?)score(row).Confidence),
        changed.Average(row => (double?)score(row).Confidence));
}

/// <summary>One utterance under both bundles; the index is its place in its conversation, from 0.</summary>
internal sealed record DiffRow(
    string ConversationId, string UtteranceId, int Index, long? StartMs, string Speaker, string? Text, bool Changed, DiffScore A, DiffScore B);

/// <summary>The most probable label and its calibrated probability.</summary>
internal readonly record struct DiffScore(string Label, float Confidence);

/// <summary>Source-generated JSON of what the command writes.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(DiffReport))]
internal sealed partial class DiffJson : JsonSerializerContext;
