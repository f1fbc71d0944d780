using System.CommandLine;
using EmoStream.Cli.Input;
using EmoStream.Client.Produce;
using EmoStream.Contracts.Events;
using Microsoft.Extensions.Options;

namespace EmoStream.Cli.Replay;

/// <summary><c>emostream replay</c>: a file's utterances into Kafka, at the speed they were spoken or another.</summary>
internal static class ReplayCommand
{
    public static Command Create(Terminal terminal)
    {
        var file = new Argument<string>("FILE") { Description = "JSONL of events, JSONL of a data set, or MELD's CSV" };
        var speed = Speed.Option("How much faster than real time");
        speed.DefaultValueFactory = _ => "1";
        var kafka = new Option<string>("--kafka") { Description = "Bootstrap servers", HelpName = "HOST:PORT" };
        kafka.DefaultValueFactory = _ => KafkaEnvironment.BootstrapServers;
        var topic = new Option<string>("--topic") { Description = "Topic to produce to", HelpName = "T" };
        topic.DefaultValueFactory = _ => KafkaEnvironment.Topics.Utterances;
        topic.Require(KafkaEnvironment.IsTopic, "--topic must be 1 to 249 of the characters a-z, A-Z, 0-9, dot, underscore and hyphen, and not . or ..");
        var prefix = new Option<string>("--conversation-prefix") { Description = "Put in front of every conversation id", HelpName = "P", DefaultValueFactory = _ => "" };
        prefix.Require(IsPrefix, $"--conversation-prefix must be shorter than {UtteranceEventValidator.MaxIdLength} characters, without braces and control characters.");
        var noEnd = new Option<bool>("--no-end") { Description = "Leave conversations open that the file does not end" };
        var features = FeatureSpaces.Option();
        var command = new Command("replay", "Replay a file of utterances into Kafka.") { file, speed, kafka, topic, prefix, noEnd, features };
        command.UseHelp("""
            Examples:
              emostream replay meeting.jsonl --kafka localhost:9092 --speed 4
              emostream replay dev_sent_emo.csv --speed max --conversation-prefix run2-
              emostream replay dev.jsonl --features face=face/openface-au@1

            Environment:
              ConnectionStrings__kafka          bootstrap servers where --kafka is not given
              EmoStream__Topics__Utterances     topic where --topic is not given
              EmoStream__Kafka__*               librdkafka's settings, _ for . (EmoStream__Kafka__security_protocol=ssl)

            Events without a time follow at once. Unusable lines are reported with their number and left out;
            the exit code is 1 then. Replaying the same file again adds no utterance that is on a timeline already;
            its revisions are applied again where they say something else than the timeline.
            """);
        command.Run(terminal, async (parsed, cancellationToken) =>
        {
            var input = new InputFile(parsed.GetRequiredValue(file), FeatureSpaces.Parse(parsed.GetValue(features)));
            var options = new UtteranceProducerOptions
            {
                BootstrapServers = parsed.GetRequiredValue(kafka),
                Topic = parsed.GetRequiredValue(topic),
                Source = "urn:emostream:replay",
                DeliveryTimeout = TimeSpan.FromSeconds(30),
            };
            KafkaEnvironment.CopySettingsTo(options.Kafka);
            var plan = input.Plan();
            if (plan.ConversationIds.Any(id => !IsConversationId(parsed.GetRequiredValue(prefix) + id)))
            {
                terminal.Fail($"--conversation-prefix makes a conversation id longer than {UtteranceEventValidator.MaxIdLength} characters.");
                return ExitCode.Usage;
            }

            await using var producer = new UtteranceProducer(Options.Create(options));
            try
            {
                await producer.PingAsync(TimeSpan.FromSeconds(10));
                var result = await ReplayProgress.RunAsync(terminal, plan, (sent, refused) => new Replayer(
                    (e, token) => producer.ProduceAsync(e, token),
                    new ReplayPacer(TimeProvider.System, Speed.Parse(parsed.GetRequiredValue(speed))))
                {
                    ConversationPrefix = parsed.GetRequiredValue(prefix),
                    SendEnd = !parsed.GetValue(noEnd),
                    Sent = sent,
                    Refused = refused,
                }.RunAsync(input, plan, cancellationToken));
                return result.Refused == 0 ? ExitCode.Ok : ExitCode.Failure;
            }
            catch (UtteranceDeliveryException e)
            {
                terminal.Fail(e.Message, $"Is Kafka at {options.BootstrapServers}? Try: emostream doctor --kafka {options.BootstrapServers}");
                return ExitCode.Failure;
            }
        });
        return command;
    }

    // The prefix alone: whether it fits in front of the file's ids is known once the file is read.
    private static bool IsPrefix(string? prefix) => string.IsNullOrEmpty(prefix) || IsConversationId(prefix + "x");

    /// <summary>Kafka's rule.</summary>
    private static bool IsConversationId(string id)
        => UtteranceEventValidator.Validate(new UtteranceEvent { ConversationId = id, Kind = UtteranceKind.End }) is null;
}
