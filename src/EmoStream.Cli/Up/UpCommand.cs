using System.CommandLine;
using EmoStream.Cli.Replay;

namespace EmoStream.Cli.Up;

/// <summary><c>emostream up</c>: everything in this process, and a meeting that runs through it.</summary>
internal static class UpCommand
{
    private const string DefaultSpeed = "8";

    public static Command Create(Terminal terminal)
    {
        var kafka = new Option<string?>("--kafka") { Description = "Use this Kafka instead of the embedded broker", HelpName = "HOST:PORT" };
        var redis = new Option<string?>("--redis") { Description = "Use this Redis instead of the embedded server", HelpName = "HOST:PORT" };
        var bundle = new Option<string?>("--bundle") { Description = "Model bundle [default: the shipped one]", HelpName = "DIR" };
        var policy = new Option<string?>("--policy") { Description = "Policy file [default: text only]", HelpName = "FILE" };
        var port = PortOption.Create();
        var meeting = new Option<string?>("--meeting") { Description = "Meeting to replay, one conversation [default: the sample meeting]", HelpName = "FILE" };
        var noMeeting = new Option<bool>("--no-meeting") { Description = "Replay nothing" };
        var speed = Speed.Option($"How much faster than real time to replay [default: {DefaultSpeed}; with --exit-when-done: max]");
        var exitWhenDone = new Option<bool>("--exit-when-done") { Description = "Print the whole timeline and exit once the meeting is scored" };
        var timeout = new Option<int>("--timeout") { Description = "How long --exit-when-done waits", HelpName = "SECONDS", DefaultValueFactory = _ => 120 };
        timeout.Require(seconds => seconds is >= 1 and <= 86_400, "--timeout must be a number of seconds between 1 and 86400.");
        var command = new Command("up", "Run everything in this process, and replay a meeting.")
        {
            kafka, redis, bundle, policy, port, meeting, noMeeting, speed, exitWhenDone, timeout,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(noMeeting) && (result.GetValue(meeting) is not null || result.GetValue(exitWhenDone)))
            {
                result.AddError("--no-meeting goes neither with --meeting nor with --exit-when-done.");
            }
        });
        command.UseHelp($"""
            Examples:
              emostream up                                   page, terminal timeline, sample meeting at {DefaultSpeed} times its speed
              emostream up --exit-when-done                  for scripts: print the timeline as a table and exit
              emostream up --kafka localhost:9092 --redis localhost:6379 --no-meeting
              emostream up --meeting my-meeting.jsonl --speed 1 --port 0

            Environment:
              ConnectionStrings__kafka, ConnectionStrings__redis, EmoStream__Bundle, EmoStream__Policy
                                                where the options are not given
              EmoStream__*, Orleans__*          every setting of silo and gateway

            {EmbeddedLimits.Text}
            """);
        command.Run(terminal, async (parsed, cancellationToken) =>
        {
            var done = parsed.GetValue(exitWhenDone);
            var chosenSpeed = parsed.GetValue(speed) ?? (done ? Speed.Max : DefaultSpeed);
            var settings = new UpSettings
            {
                Kafka = parsed.GetValue(kafka) ?? Environment.GetEnvironmentVariable("ConnectionStrings__kafka"),
                Redis = parsed.GetValue(redis) ?? Environment.GetEnvironmentVariable("ConnectionStrings__redis"),
                Bundle = ShippedFiles.Bundle(parsed.GetValue(bundle)),
                Policy = ShippedFiles.Policy(parsed.GetValue(policy)),
                Port = parsed.GetValue(port),
                Meeting = parsed.GetValue(noMeeting) ? null : ShippedFiles.Meeting(parsed.GetValue(meeting)),
                Speed = Speed.Parse(chosenSpeed),
                ExitWhenDone = done,
                Timeout = TimeSpan.FromSeconds(parsed.GetValue(timeout)),
            };
            try
            {
                return await new UpRunner(terminal, settings).RunAsync(cancellationToken);
            }
            catch (UpException e)
            {
                terminal.Fail(e.Message, e.Remedy);
                return ExitCode.Failure;
            }
        });
        return command;
    }
}
