using System.CommandLine;
using EmoStream.Cli.Evaluate;
using EmoStream.Cli.Input;
using EmoStream.Inference.Bundle;

namespace EmoStream.Cli.Diff;

/// <summary>
/// <c>emostream diff</c>: replays a file, or a conversation of a running system, under two bundles and says which labels
/// differ: 1 load both bundles, 2 read or fetch, 3 score with each, 4 compare.
/// </summary>
internal static class DiffCommand
{
    public static Command Create(Terminal terminal)
    {
        var source = new Argument<string>("CONVERSATION|FILE") { Description = "A file (JSONL, or MELD's CSV) where there is one of that name; else the id of a conversation behind the gateway" };
        var bundles = new Option<string[]>("--bundle") { Description = "Model bundle; given twice, for A and for B", HelpName = "DIR", Required = true };
        bundles.Validators.Add(result =>
        {
            if (result.Tokens.Count != 2)
            {
                result.AddError("--bundle must be given twice: for A and for B.");
            }
        });
        var features = FeatureSpaces.Option(text: true);
        var all = new Option<bool>("--all") { Description = "List the utterances whose label stays, too" };
        var json = new Option<bool>("--json") { Description = "Print JSON instead of tables" };
        var exitCode = new Option<bool>("--exit-code") { Description = "End with 3 when a label changes" };
        var gateway = GatewayConnection.Option();
        var command = new Command("diff", "Replay a conversation under another bundle: which labels change, and how sure each is.")
        {
            source, bundles, features, all, json, exitCode, gateway,
        };
        command.UseHelp($"""
            Examples:
              emostream diff meeting.jsonl --bundle infra/models/meld --bundle ./my-bundle
              emostream diff weekly-planning --bundle ./old --bundle ./new --gateway https://emotions.example.com
              emostream diff dev.jsonl --bundle ./old --bundle ./new --features audio=audio/signal-prosody@1 --json
              emostream diff meeting.jsonl --bundle ./old --bundle ./new --exit-code; test $? -eq 3 && echo "labels change"

            Environment:
            {GatewayConnection.Environment}

            Scores are final ones, as they stand when a conversation is over, and the same on every run. Of a conversation
            of a running system only text and speakers are kept: both bundles score its text alone.
            """);
        command.Run(terminal, async (parsed, cancellationToken) =>
        {
            var (name, address) = (parsed.GetRequiredValue(source), parsed.GetRequiredValue(gateway));
            try
            {
                var loaded = Array.ConvertAll(parsed.GetRequiredValue(bundles), Load);
                var input = File.Exists(name) || Directory.Exists(name)
                    ? DiffInput.Read(new InputFile(name, FeatureSpaces.Parse(parsed.GetValue(features)), needsModality: false))
                    : await FetchAsync(name, address, cancellationToken);
                var report = Compare(terminal, input, loaded, parsed.GetValue(all), cancellationToken);
                if (parsed.GetValue(json))
                {
                    report.WriteJson(terminal.Output);
                }
                else
                {
                    DiffTables.Write(terminal.Out, report);
                }

                return parsed.GetValue(exitCode) && report.Changed > 0 ? ExitCode.Different : ExitCode.Ok;
            }
            catch (Exception e) when (GatewayConnection.IsFailure(e))
            {
                terminal.Fail($"{name}: there is no file of that name, and as a conversation it cannot be read: {e.Message}", GatewayConnection.Remedy(address));
                return ExitCode.Failure;
            }
        });
        return command;
    }

    private static async Task<DiffInput> FetchAsync(string conversation, string address, CancellationToken cancellationToken)
    {
        using var http = new HttpClient();
        return await DiffInput.FetchAsync(GatewayConnection.Open(http, address), conversation, cancellationToken);
    }

    private static DiffReport Compare(Terminal terminal, DiffInput input, ModelBundle[] bundles, bool all, CancellationToken cancellationToken)
    {
        var sides = new List<BundleSide>();
        var turns = Conversation.Gather(input.Lines, input.Source).Sum(conversation => conversation.Turns.Count);
        Progress.Run(terminal, "diff", 2 * bundles.Length * turns, report =>
        {
            foreach (var bundle in bundles)
            {
                sides.Add(BundleSide.Score(bundle, input, report, cancellationToken));
            }
        });
        var compared = DiffReport.From(input, sides[0], sides[1], all);
        return compared.Utterances > 0
            ? compared
            : throw new InputException($"{input.Source}: none of {turns} utterances brings anything that both bundles take{(input.WithheldTexts > 0 ? "; their texts were not allowed by the policy" : "")}.");
    }

    private static ModelBundle Load(string directory)
    {
        try
        {
            var bundle = ModelBundle.Load(directory);
            _ = bundle.Description; // one that only encodes is refused here
            return bundle;
        }
        catch (BundleException e)
        {
            // Of two bundles: which one.
            throw new BundleException($"--bundle {directory}: {e.Message}", e);
        }
    }
}
