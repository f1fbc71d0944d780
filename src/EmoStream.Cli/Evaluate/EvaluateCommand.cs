using System.CommandLine;
using System.Text.Json;
using EmoStream.Cli.Input;
using EmoStream.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Scoring;
using Microsoft.Extensions.Options;

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
        var features = FeatureSpaces.Option();
        var command = new Command("evaluate", "Evaluate a model bundle on annotated conversations.") { file, bundle, json, predictions, features };
        command.UseHelp("""
            Examples:
              emostream evaluate dev.jsonl
              emostream evaluate dev_sent_emo.csv --bundle ./my-bundle --json > report.json
              emostream evaluate dev.jsonl --predictions predictions.jsonl

            Environment:
              EmoStream__Bundle                 bundle directory where --bundle is not given; else the shipped one

            Metrics follow scikit-learn with zero_division=0. Utterances without a label are context only.
            """);
        command.Run(terminal, (parsed, cancellationToken) => Task.FromResult(Evaluate(
            terminal,
            new InputFile(parsed.GetRequiredValue(file), FeatureSpaces.Parse(parsed.GetValue(features))),
            ShippedFiles.Bundle(parsed.GetValue(bundle)),
            parsed.GetValue(predictions),
            parsed.GetValue(json),
            cancellationToken)));
        return command;
    }

    private static int Evaluate(Terminal terminal, InputFile input, string bundleDirectory, string? predictionsPath, bool json, CancellationToken cancellationToken)
    {
        var conversations = Conversation.Gather(input);
        if (!conversations.SelectMany(conversation => conversation.Turns).Any(turn => turn.Line.Label is not null && !turn.IsRetracted))
        {
            throw new InputException($"{input.Path}: no line has a label");
        }

        var bundle = ModelBundle.Load(bundleDirectory);
        var labels = bundle.Description.Labels;
        CheckLabels(input.Path, conversations, labels);

        using var scorer = new OnnxScorer(bundle, Options.Create(new InferenceOptions { Bundle = bundleDirectory, Threads = Environment.ProcessorCount }));
        using var predictionsFile = predictionsPath is null ? null : File.CreateText(predictionsPath);
        var pairs = new List<(int Actual, int Predicted)>();
        var unlabelled = 0;
        Progress.Run(terminal, "evaluate", conversations.Sum(c => c.Turns.Count), report =>
        {
            foreach (var prediction in new Evaluator(scorer).Predict(conversations, report, cancellationToken))
            {
                predictionsFile?.WriteLine(JsonSerializer.Serialize(Line(prediction, labels), EvaluateJson.Default.PredictionLine));
                if (prediction.Line.Label is { } label)
                {
                    pairs.Add((Array.IndexOf(labels, label), prediction.Label));
                }
                else
                {
                    unlabelled++;
                }
            }
        });

        var result = EvaluationReport.From(bundle.Id, conversations.Count, unlabelled, ClassificationReport.From(labels, pairs));
        if (json)
        {
            result.WriteJson(terminal.Output);
        }
        else
        {
            result.WriteTables(terminal.Out);
        }

        return ExitCode.Ok;
    }

    private static PredictionLine Line(Prediction prediction, string[] labels)
    {
        var probabilities = new Dictionary<string, float>(labels.Length);
        for (var i = 0; i < labels.Length; i++)
        {
            probabilities.Add(labels[i], prediction.Probabilities[i]);
        }

        var e = prediction.Line.Event!;
        return new PredictionLine(e.ConversationId, e.UtteranceId, labels[prediction.Label], probabilities);
    }

    private static void CheckLabels(string path, IEnumerable<Conversation> conversations, string[] labels)
    {
        foreach (var line in conversations.SelectMany(conversation => conversation.Turns).Select(turn => turn.Line))
        {
            if (line.Label is { } label && !labels.Contains(label))
            {
                throw new InputException($"{path} line {line.Number}: unknown label '{label}'; the bundle knows {string.Join(", ", labels)}.");
            }
        }
    }
}
