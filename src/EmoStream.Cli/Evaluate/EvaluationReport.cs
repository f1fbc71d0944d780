using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;

namespace EmoStream.Cli.Evaluate;

/// <summary>What <c>emostream evaluate</c> prints.</summary>
internal sealed record EvaluationReport
{
    public required string Bundle { get; init; }
    public required int Conversations { get; init; }
    public required int Utterances { get; init; }

    /// <summary>Scored as context, but without an annotation to compare with.</summary>
    public required int Unlabelled { get; init; }
    public required double WeightedF1 { get; init; }
    public required double MacroF1 { get; init; }
    public required double Accuracy { get; init; }
    public required IReadOnlyDictionary<string, ClassScores> PerClass { get; init; }
    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>Rows are annotations, columns predictions, in the order of <see cref="Labels"/>.</summary>
    public required int[][] Confusion { get; init; }

    public static EvaluationReport From(string bundle, int conversations, int unlabelled, ClassificationReport report) => new()
    {
        Bundle = bundle,
        Conversations = conversations,
        Unlabelled = unlabelled,
        Utterances = report.Utterances,
        WeightedF1 = report.WeightedF1,
        MacroF1 = report.MacroF1,
        Accuracy = report.Accuracy,
        PerClass = report.PerClass,
        Labels = report.Labels,
        Confusion = report.Confusion,
    };

    public void WriteJson(TextWriter output) => output.WriteLine(JsonSerializer.Serialize(this, EvaluateJson.Default.EvaluationReport));

    public void WriteTables(IAnsiConsole console)
    {
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[bold]{Bundle}[/] on {Utterances} utterances of {Conversations} conversations");
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"weighted F1 [bold]{WeightedF1:F4}[/]   macro F1 {MacroF1:F4}   accuracy {Accuracy:F4}");

        var classes = new Table().Title("Per class").Border(TableBorder.Rounded).AddColumns("label", "precision", "recall", "F1", "support");
        foreach (var (label, s) in PerClass)
        {
            classes.AddRow(new Text(label), Number(s.Precision), Number(s.Recall), Number(s.F1), new Text(s.Support.ToString(CultureInfo.InvariantCulture)));
        }

        console.Write(classes);
        var confusion = new Table().Title("Confusion: annotated (rows) as predicted (columns)").Border(TableBorder.Rounded).AddColumn("");
        foreach (var label in Labels)
        {
            confusion.AddColumn(new TableColumn(new Text(label)).RightAligned());
        }

        for (var row = 0; row < Labels.Count; row++)
        {
            confusion.AddRow([new Text(Labels[row]), .. Confusion[row].Select((count, column) =>
                new Text(count.ToString(CultureInfo.InvariantCulture), row == column ? new Style(decoration: Decoration.Bold) : Style.Plain))]);
        }

        console.Write(confusion);
    }

    private static Text Number(double value) => new(value.ToString("F4", CultureInfo.InvariantCulture));
}

/// <summary>One line of <c>--predictions</c>.</summary>
internal sealed record PredictionLine(string ConversationId, string UtteranceId, string Label, IReadOnlyDictionary<string, float> Probabilities);

/// <summary>Source-generated JSON of what the command writes.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(EvaluationReport))]
[JsonSerializable(typeof(PredictionLine))]
internal sealed partial class EvaluateJson : JsonSerializerContext;
