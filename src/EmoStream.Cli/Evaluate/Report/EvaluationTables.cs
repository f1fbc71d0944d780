using System.Globalization;
using EmoStream.Cli.Evaluate.Measure;
using Spectre.Console;

namespace EmoStream.Cli.Evaluate.Report;

/// <summary>An evaluation for people: a summary, then a table for each question.</summary>
internal static class EvaluationTables
{
    public static void Write(IAnsiConsole console, EvaluationReport report)
    {
        Summary(console, report);
        Inputs(console, report);
        Classes(console, report);
        Confusion(console, report);
        Buckets(console, report);
        if (report.Fusion is { } fusion)
        {
            Fusion(console, fusion);
            Retrieval(console, report.Retrieval);
        }
    }

    private static void Summary(IAnsiConsole console, EvaluationReport r)
    {
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[bold]{r.Bundle}[/] on {r.Utterances} utterances of {r.Conversations} conversations");
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"weighted F1 [bold]{r.WeightedF1:F4}[/] {Cells.Bounds(r.Intervals?.WeightedF1)}   macro F1 {r.MacroF1:F4}   accuracy {r.Accuracy:F4}");
        var sets = r.Calibration.Coverage is { } coverage
            ? string.Create(CultureInfo.InvariantCulture, $"sets hold the truth in {Cells.Percent(coverage)} (promised {Cells.Percent(r.NominalCoverage)}) with {r.Calibration.SetSize:F2} labels")
            : "no prediction sets are offered";
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"ECE {r.Calibration.Ece:F4}   NLL {r.Calibration.Nll:F4}   Brier {r.Calibration.Brier:F4}   {sets}");
        if (r.Unlabelled > 0)
        {
            console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"{r.Unlabelled} utterances without a label served as context only");
        }

        if (r.Unscorable > 0)
        {
            console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[yellow]{r.Unscorable} labelled utterances bring nothing that the bundle takes: they are in no figure[/]");
        }

        if (r.Repeated > 0)
        {
            console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[yellow]{r.Repeated} lines bring an utterance again: left out, the first one counts[/]");
        }

        foreach (var modality in r.Absent)
        {
            console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[yellow]no utterance brings {modality}[/]; a file's vectors count where --features {modality}=SPACE names their space");
        }
    }

    private static void Inputs(IAnsiConsole console, EvaluationReport r)
    {
        var table = Cells.Table("By what is there; brackets: 95% of 1,000 resamples of the conversations")
            .AddColumns("input", "utterances", "weighted F1", "", "macro F1", "accuracy", "ECE", "NLL", "Brier", "coverage", "set size");
        void Add(string name, int utterances, double weighted, double macro, double accuracy, CalibrationReport c, Intervals? intervals) => table.AddRow(
            new Text(name), Cells.Count(utterances), Cells.Number(weighted), new Text(Cells.Bounds(intervals?.WeightedF1)), Cells.Number(macro), Cells.Number(accuracy),
            Cells.Number(c.Ece), Cells.Number(c.Nll), Cells.Number(c.Brier), Cells.Number(c.Coverage), Cells.Number(c.SetSize, "F2"));
        void AddMeasures(string name, Measures m) => Add(name, m.Utterances, m.WeightedF1, m.MacroF1, m.Accuracy, m.Calibration, m.Intervals);

        Add("as it is", r.Utterances, r.WeightedF1, r.MacroF1, r.Accuracy, r.Calibration, r.Intervals);
        if (r.Provisional is { } provisional)
        {
            AddMeasures("as it is, provisional", provisional);
        }

        // A single subset is the file as it is.
        foreach (var (name, measures) in r.Subsets.Count > 1 ? r.Subsets : new Dictionary<string, Measures>())
        {
            AddMeasures(name, measures);
        }

        foreach (var (rate, measures) in r.Missing)
        {
            AddMeasures($"{rate} missing", measures);
        }

        console.Write(table);
    }

    private static void Classes(IAnsiConsole console, EvaluationReport r)
    {
        var table = Cells.Table("Per class").AddColumns("label", "precision", "recall", "F1", "support");
        foreach (var (label, s) in r.PerClass)
        {
            table.AddRow(new Text(label), Cells.Number(s.Precision), Cells.Number(s.Recall), Cells.Number(s.F1), Cells.Count(s.Support));
        }

        console.Write(table);
    }

    private static void Confusion(IAnsiConsole console, EvaluationReport r)
    {
        var table = Cells.Table("Confusion: annotated (rows) as predicted (columns)").AddColumn("");
        foreach (var label in r.Labels)
        {
            table.AddColumn(new TableColumn(new Text(label)).RightAligned());
        }

        for (var row = 0; row < r.Labels.Count; row++)
        {
            table.AddRow([new Text(r.Labels[row]), .. r.Confusion[row].Select((count, column) =>
                new Text(count.ToString(CultureInfo.InvariantCulture), row == column ? new Style(decoration: Decoration.Bold) : Style.Plain))]);
        }

        console.Write(table);
    }

    private static void Buckets(IAnsiConsole console, EvaluationReport r)
    {
        var table = Cells.Table("By conversation and place").AddColumns("", "bucket", "utterances", "weighted F1", "accuracy");
        foreach (var (name, buckets) in ((string, IReadOnlyList<Bucket>)[])[("utterances of the conversation", r.ByLength), ("speakers", r.BySpeakers), ("place in the conversation", r.ByPosition)])
        {
            for (var i = 0; i < buckets.Count; i++)
            {
                table.AddRow(new Text(i == 0 ? name : ""), new Text(buckets[i].Name), Cells.Count(buckets[i].Utterances), Cells.Number(buckets[i].WeightedF1), Cells.Number(buckets[i].Accuracy));
            }
        }

        console.Write(table);
    }

    private static void Fusion(IAnsiConsole console, FusionReport fusion)
    {
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[bold]Fusion[/] on {fusion.Utterances} utterances with all modalities: weights tell the right modality with AUC {Cells.Plain(fusion.Auc, "F3")}; largest weight above .8 in {Cells.Percent(fusion.ShareAbove80)}");
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"with modalities removed: mean weight {Cells.Plain(fusion.MeanWeight, "F3")} available (right {Cells.Percent(fusion.Accuracy)}), {Cells.Plain(fusion.MeanWeightRecovered, "F3")} recovered (right {Cells.Percent(fusion.AccuracyRecovered)})");
        if (fusion.Auc is null)
        {
            console.WriteLine("  - : needs each modality's own answer (output single of the bundle's graph) and utterances where they differ");
        }

        var table = Cells.Table("Fusion weight by modality").AddColumns("modality", "mean", "right alone", "when right", "when wrong", "recovered", "right recovered");
        foreach (var (name, m) in fusion.Modalities)
        {
            table.AddRow(new Text(name), Cells.Number(m.MeanWeight), Cells.Number(m.Accuracy), Cells.Number(m.MeanWeightWhenRight), Cells.Number(m.MeanWeightWhenWrong), Cells.Number(m.Recovered.MeanWeight), Cells.Number(m.Recovered.Accuracy));
        }

        console.Write(table);
    }

    private static void Retrieval(IAnsiConsole console, IReadOnlyDictionary<string, RetrievalReport>? retrieval)
    {
        if (retrieval is null)
        {
            console.WriteLine("Joint space: not measured, the bundle's graph gives no joint vectors (output joint)");
            return;
        }

        var table = Cells.Table("Joint space: one modality's vector looks for the same utterance's other").AddColumns("query>target", "R@1", "R@10", "chance R@10", "median rank", "candidates");
        foreach (var (pair, r) in retrieval)
        {
            table.AddRow(new Text(pair), Cells.Number(r.RecallAt1), Cells.Number(r.RecallAt10), Cells.Number(r.ChanceAt10), Cells.Number(r.MedianRank, "F1"), Cells.Count(r.Candidates));
        }

        console.Write(table);
    }
}
