using System.CommandLine;
using System.Text.Json;
using EmoStream.Cli.Up;
using Spectre.Console;

namespace EmoStream.Cli.Doctor;

/// <summary><c>emostream doctor</c>: looks at everything that EmoStream needs, and says what to do about what is missing.</summary>
internal static class DoctorCommand
{
    public static Command Create(Terminal terminal)
    {
        var kafka = new Option<string?>("--kafka") { Description = "Kafka to check; else the embedded broker is tried", HelpName = "HOST:PORT" };
        var redis = new Option<string?>("--redis") { Description = "Redis to check; else the embedded server is tried", HelpName = "HOST:PORT" };
        var bundle = new Option<string?>("--bundle") { Description = "Model bundle to check", HelpName = "DIR" };
        var policy = new Option<string?>("--policy") { Description = "Policy file to check", HelpName = "FILE" };
        var port = PortOption.Create();
        var json = new Option<bool>("--json") { Description = "Print JSON instead of a table" };
        var command = new Command("doctor", "Check this machine and the servers it shall use.") { kafka, redis, bundle, policy, port, json };
        command.UseHelp("""
            Examples:
              emostream doctor                                       can `emostream up` run here?
              emostream doctor --kafka kafka:9092 --redis redis:6379
              emostream doctor --json

            Environment:
              ConnectionStrings__kafka, ConnectionStrings__redis, EmoStream__Bundle, EmoStream__Policy
                                                where the options are not given

            The exit code is 1 when something is wrong.
            """);
        command.Run(terminal, async (parsed, cancellationToken) =>
        {
            List<Finding> findings =
            [
                MachineChecks.Runtime(),
                MachineChecks.Port(parsed.GetValue(port)),
                MachineChecks.ExecutionProvider(),
                .. KafkaCheck.Run(parsed.GetValue(kafka) ?? Environment.GetEnvironmentVariable("ConnectionStrings__kafka")),
                .. await RedisCheck.RunAsync(parsed.GetValue(redis) ?? Environment.GetEnvironmentVariable("ConnectionStrings__redis")),
                .. BundleChecks.Run(ShippedFiles.Bundle(parsed.GetValue(bundle))),
                PolicyCheck.Run(ShippedFiles.Policy(parsed.GetValue(policy))),
            ];
            cancellationToken.ThrowIfCancellationRequested();
            var diagnosis = new Diagnosis(findings.TrueForAll(finding => finding.Ok), findings);
            Write(terminal, diagnosis, parsed.GetValue(json));
            return diagnosis.Ok ? ExitCode.Ok : ExitCode.Failure;
        });
        return command;
    }

    private static void Write(Terminal terminal, Diagnosis diagnosis, bool json)
    {
        if (json)
        {
            terminal.Output.WriteLine(JsonSerializer.Serialize(diagnosis, DoctorJson.Default.Diagnosis));
            return;
        }

        var table = new Table().Border(TableBorder.Rounded).AddColumns("", "Check", "Found", "What to do");
        foreach (var finding in diagnosis.Findings)
        {
            table.AddRow(
                finding.Ok ? new Text("✓", new Style(Color.Green)) : new Text("✗", new Style(Color.Red)),
                new Text(finding.Check),
                new Text(finding.Detail),
                new Text(finding.Remedy ?? ""));
        }

        terminal.Out.Write(table);
    }
}
