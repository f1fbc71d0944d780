using System.CommandLine;
using System.Text.Json;
using EmoStream.Cli.Evaluate.Compare;
using EmoStream.Cli.Evaluate.Plots;
using EmoStream.Cli.Evaluate.Report;
using EmoStream.Cli.Input;

namespace EmoStream.Cli.Evaluate;

/// <summary><c>emostream evaluate</c>: how well a bundle does on an annotated file, with the code that serves.</summary>
internal static class EvaluateCommand
{
    public static Command Create(Terminal terminal)
    {
        var file = new Argument<string>("FILE") { Description = "Annotated utterances: JSONL with label, or MELD's CSV" };
        var bundle = new Option<string?>("--bundle") { Description = "Model bundle to evaluate", HelpName = "DIR" };
        var json = new Option<bool>("--json") { Description = "Print JSON instead of tables" };
        var predictions = new Option<string?>("--predictions") { Description = "Write every prediction to a JSONL file", HelpName = "OUT" };
        var plots = new Option<string?>("--plots") { Description = "Write figures (PNG and SVG) into a directory", HelpName = "DIR" };
        var compare = new Option<string[]?>("--compare")
        {
            Description = "Compare two bundles on the file instead: B minus A, paired",
            HelpName = "A B",
            Arity = new ArgumentArity(2, 2),
            AllowMultipleArgumentsPerToken = true,
        };
        var features = FeatureSpaces.Option(text: true);
        var command = new Command("evaluate", "Evaluate a model bundle on annotated conversations.") { file, bundle, json, predictions, plots, compare, features };
        command.UseHelp("""
            Examples:
              emostream evaluate dev.jsonl
              emostream evaluate dev_sent_emo.csv --bundle ./my-bundle --json > report.json
              emostream evaluate dev.jsonl --bundle ./my-bundle --features audio=audio/my-encoder@1 --plots figures
              emostream evaluate dev.jsonl --compare ./old-bundle ./new-bundle

            Environment:
              EmoStream__Bundle                 bundle directory where --bundle is not given; else the shipped one

            Metrics follow scikit-learn with zero_division=0; intervals are 95% of 1,000 resamples of the conversations.
            Utterances without a label are context only. A subset of modalities is measured on the utterances that bring all
            of it, with everything else removed from their conversations; missing rates drop modalities by a fixed rule.
            Vectors in the file count only when --features names their space; features.text then stands for the text.

            JSON: {bundle, conversations, utterances, unlabelled, unscorable, repeated, availability, absent, weightedF1, macroF1, accuracy,
              perClass: {LABEL: {precision, recall, f1, support}}, labels, confusion,
              calibration: {ece, nll, brier, coverage, setSize, offered, bins}, nominalCoverage, intervals: {weightedF1: [low, high],
              macroF1, accuracy}, provisional, subsets: {"text+audio": {utterances, weightedF1, macroF1, accuracy, calibration,
              intervals}}, missing: {"0.1": ...}, byLength, bySpeakers, byPosition: [{bucket, utterances, weightedF1, accuracy}],
              fusion: {utterances, auc, shareAbove80, meanWeight, accuracy, meanWeightRecovered, accuracyRecovered, modalities},
              retrieval: {"audio>text": {recallAt1, recallAt10, medianRank, candidates, chanceAt1, chanceAt10}}}
            JSON of --compare: {a, b, conversations, differences: {utterances, weightedF1: {a, b, difference, interval: [low, high]},
              macroF1, accuracy, nll, brier, ece, coverage, agreement: {bothRight, onlyA, onlyB, neitherRight}, subsets, missing}};
              coverage is of the utterances for which both bundles offer a set, null where there are none
            """);
        command.Validators.Add(result =>
        {
            if (result.GetResult(compare) is not null && (result.GetResult(bundle) ?? result.GetResult(predictions)) is not null)
            {
                result.AddError("--compare names both bundles and writes no predictions: leave --bundle and --predictions out.");
            }
        });
        command.Run(terminal, (parsed, cancellationToken) =>
        {
            if (parsed.GetValue(predictions) is { } written)
            {
                OutputFiles.Check("--predictions", written, parsed.GetRequiredValue(file));
            }

            var run = new EvaluationRun(terminal, parsed.GetRequiredValue(file), FeatureSpaces.Parse(parsed.GetValue(features)), cancellationToken);
            if (parsed.GetValue(compare) is [var a, var b])
            {
                Compare(terminal, run, Path.GetFullPath(a), Path.GetFullPath(b), parsed.GetValue(plots), parsed.GetValue(json));
            }
            else
            {
                Evaluate(terminal, run, ShippedFiles.Bundle(parsed.GetValue(bundle)), parsed.GetValue(predictions), parsed.GetValue(plots), parsed.GetValue(json));
            }

            return Task.FromResult(ExitCode.Ok);
        });
        return command;
    }

    private static void Compare(Terminal terminal, EvaluationRun run, string a, string b, string? plots, bool json)
    {
        var (first, second) = run.Evaluate(a, b);
        var report = ComparisonReport.From(first, second);
        if (plots is not null)
        {
            ComparisonPlot.Write(plots, report);
        }

        if (json)
        {
            report.WriteJson(terminal.Output);
        }
        else
        {
            ComparisonTables.Write(terminal.Out, report);
        }
    }

    private static void Evaluate(Terminal terminal, EvaluationRun run, string bundle, string? predictions, string? plots, bool json)
    {
        var evaluation = run.Evaluate(bundle);
        if (predictions is not null)
        {
            OutputFiles.Write(predictions, stream =>
            {
                using var writer = new StreamWriter(stream);
                foreach (var prediction in evaluation.Whole)
                {
                    writer.WriteLine(JsonSerializer.Serialize(PredictionLine.From(prediction, evaluation), EvaluateJson.Default.PredictionLine));
                }
            });
        }

        var report = EvaluationReport.From(evaluation);
        if (plots is not null)
        {
            EvaluationPlots.Write(plots, report);
        }

        if (json)
        {
            report.WriteJson(terminal.Output);
        }
        else
        {
            EvaluationTables.Write(terminal.Out, report);
        }
    }
}
