using System.CommandLine;
using System.Text.Json;
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
        var features = FeatureSpaces.Option(text: true);
        var command = new Command("evaluate", "Evaluate a model bundle on annotated conversations.") { file, bundle, json, predictions, features };
        command.UseHelp("""
            Examples:
              emostream evaluate dev.jsonl
              emostream evaluate dev_sent_emo.csv --bundle ./my-bundle --json > report.json
              emostream evaluate dev.jsonl --bundle ./my-bundle --features audio=audio/my-encoder@1 --plots figures

            Environment:
              EmoStream__Bundle                 bundle directory where --bundle is not given; else the shipped one

            Metrics follow scikit-learn with zero_division=0; intervals are 95% of 1,000 resamples of the conversations.
            Utterances without a label are context only. A subset of modalities is measured on the utterances that bring all
            of it, with everything else removed from their conversations; missing rates drop modalities by a fixed rule.
            Vectors in the file count only when --features names their space; features.text then stands for the text.

            JSON: {bundle, conversations, utterances, unlabelled, unscorable, availability, absent, weightedF1, macroF1, accuracy,
              perClass: {LABEL: {precision, recall, f1, support}}, labels, confusion,
              calibration: {ece, nll, brier, coverage, setSize, offered, bins}, nominalCoverage, intervals: {weightedF1: [low, high],
              macroF1, accuracy}, provisional, subsets: {"text+audio": {utterances, weightedF1, macroF1, accuracy, calibration,
              intervals}}, missing: {"0.1": ...}, byLength, bySpeakers, byPosition: [{bucket, utterances, weightedF1, accuracy}],
              fusion: {utterances, auc, shareAbove80, meanWeight, accuracy, meanWeightRecovered, accuracyRecovered, modalities},
              retrieval: {"audio>text": {recallAt1, recallAt10, medianRank, candidates, chanceAt1, chanceAt10}}}
            """);
        command.Run(terminal, (parsed, cancellationToken) =>
        {
            var run = new EvaluationRun(terminal, parsed.GetRequiredValue(file), FeatureSpaces.Parse(parsed.GetValue(features)), cancellationToken);
            Evaluate(terminal, run, ShippedFiles.Bundle(parsed.GetValue(bundle)), parsed.GetValue(predictions), parsed.GetValue(json));
            return Task.FromResult(ExitCode.Ok);
        });
        return command;
    }

    private static void Evaluate(Terminal terminal, EvaluationRun run, string bundle, string? predictions, bool json)
    {
        var evaluation = run.Evaluate(bundle);
        if (predictions is not null)
        {
            OutputFiles.Write(predictions, writer =>
            {
                foreach (var prediction in evaluation.Whole)
                {
                    writer.WriteLine(JsonSerializer.Serialize(PredictionLine.From(prediction, evaluation), EvaluateJson.Default.PredictionLine));
                }
            });
        }

        var report = EvaluationReport.From(evaluation);
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
