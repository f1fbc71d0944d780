using System.CommandLine;
using System.CommandLine.Parsing;
using EmoStream.Cli.Input;
using Spectre.Console;

namespace EmoStream.Cli.DeadLetters;

/// <summary><c>emostream dlq</c>: what could not be processed, why, and how it gets another chance.</summary>
internal static class DlqCommand
{
    private const string Environment = """
        Environment:
          ConnectionStrings__kafka          bootstrap servers where --kafka is not given
          EmoStream__Topics__DeadLetters    topic where --topic is not given
          EmoStream__Kafka__*               librdkafka's settings, _ for . (EmoStream__Kafka__security_protocol=ssl)
        """;

    public static Command Create(Terminal terminal)
    {
        var command = new Command("dlq", "List, show and send again what could not be processed.") { List(terminal), Show(terminal), Send(terminal) };
        command.UseHelp($"""
            Examples:
              emostream dlq list                        what lies there, and why
              emostream dlq show 0:17                   one letter with its bytes
              emostream dlq redrive --all               everything back to where it came from

            {Environment}

            A letter is a record that is no event, or an event that failed at every attempt. An event that failed parks
            its conversation: what comes behind it waits among the letters, until they are sent again, in their order.
            """);
        return command;
    }

    private static Command List(Terminal terminal)
    {
        var source = new Source();
        var keys = new Option<bool>("--keys") { Description = "Show the records' keys, which are conversation ids" };
        var json = new Option<bool>("--json") { Description = "Print JSON instead of a table" };
        var command = new Command("list", "List the letters that nobody has sent again.") { source.Kafka, source.Topic, source.Parking, keys, json };
        command.UseHelp($"""
            Examples:
              emostream dlq list
              emostream dlq list --json --keys

            {Environment}
            """);
        command.Run(terminal, (parsed, cancellationToken) =>
        {
            using var topic = source.Open(parsed);
            var letters = topic.Read(_ => false, cancellationToken);
            source.RequireLetters(parsed, letters);
            LetterOutput.List(terminal, letters, parsed.GetValue(keys), parsed.GetValue(json));
            return Task.FromResult(ExitCode.Ok);
        });
        return command;
    }

    private static Command Show(Terminal terminal)
    {
        var source = new Source();
        var place = new Argument<string>("PARTITION:OFFSET") { Description = "The letter, as `dlq list` names it" };
        place.Validators.Add(result => RequirePlaces(result.Tokens.Select(token => token.Value), result));
        var output = new Option<string>("--out") { Description = "Write the record's value, byte for byte, to this file", HelpName = "FILE" };
        output.Require(file => file != "", "--out must name a file.");
        var json = new Option<bool>("--json") { Description = "Print JSON, the value in base64" };
        var command = new Command("show", "Show one letter: why it is there, headers, key and value.") { place, source.Kafka, source.Topic, source.Parking, output, json };
        command.UseHelp($"""
            Examples:
              emostream dlq show 0:17
              emostream dlq show 0:17 --out record.bin

            {Environment}

            What it shows is the record itself: people's words, where it is an utterance.
            """);
        command.Run(terminal, (parsed, cancellationToken) =>
        {
            _ = Place.TryParse(parsed.GetRequiredValue(place), out var wanted);
            using var topic = source.Open(parsed);
            if (topic.Read(letter => letter.Place == wanted, cancellationToken).Find(letter => letter.Place == wanted) is not { } letter)
            {
                terminal.Fail($"There is no letter {wanted}, or it was sent again already.", "`emostream dlq list` names those that are there.");
                return Task.FromResult(ExitCode.Failure);
            }

            if (parsed.GetValue(output) is { } file)
            {
                OutputFiles.Write(file, stream => stream.Write(letter.Record.Message.Value ?? []));
            }

            LetterOutput.Show(terminal, letter, parsed.GetValue(json), withValue: parsed.GetValue(output) is null);
            return Task.FromResult(ExitCode.Ok);
        });
        return command;
    }

    private static Command Send(Terminal terminal)
    {
        var source = new Source();
        var places = new Argument<string[]>("PARTITION:OFFSET") { Description = "Letters, as `dlq list` names them", Arity = ArgumentArity.ZeroOrMore };
        var reason = new Option<string>("--reason") { Description = "Letters whose reason contains this", HelpName = "TEXT" };
        reason.Require(text => text != "", "--reason must not be empty; --all takes every letter.");
        var key = new Option<string>("--key") { Description = "Letters with this key: of one conversation", HelpName = "ID" };
        var all = new Option<bool>("--all") { Description = "Every letter" };
        var skip = new Option<string[]>("--skip") { Description = "Leave this letter out for good; it counts as sent", HelpName = "PARTITION:OFFSET" };
        skip.Validators.Add(result => RequirePlaces(result.Tokens.Select(token => token.Value), result));
        var timeout = new Option<int>("--timeout") { Description = "How long a silo may take to deliver what was sent again, retries included, and continue a conversation", HelpName = "SECONDS", DefaultValueFactory = _ => 60 };
        timeout.Require(seconds => seconds > 0, "--timeout must be a number of seconds above 0.");
        var json = new Option<bool>("--json") { Description = "Print the result as JSON" };
        var command = new Command("redrive", "Send letters again, to the topic and partition that they came from.")
        {
            places, reason, key, all, skip, timeout, source.Kafka, source.Topic, source.Parking, json,
        };
        command.Validators.Add(result =>
        {
            // Not on the argument: System.CommandLine does not ask an argument's own rules when there may be several values.
            RequirePlaces(result.GetValue(places) ?? [], result);
            var ways = (result.GetValue(places) is { Length: > 0 } ? 1 : 0) + (result.GetValue(reason) is null ? 0 : 1) + (result.GetValue(key) is null ? 0 : 1) + (result.GetValue(all) ? 1 : 0);
            if (ways != 1)
            {
                result.AddError("Name the letters in one way: PARTITION:OFFSET, --reason, --key or --all.");
            }
        });
        command.UseHelp($"""
            Examples:
              emostream dlq redrive 0:17 0:21
              emostream dlq redrive --reason key-mismatch
              emostream dlq redrive --key weekly-planning --skip 0:17

            {Environment}

            Letters of a parked conversation go together, in order, whichever of them was named; live utterances wait until
            they are through. The exit code is 1 when a letter could not be sent, or a conversation failed again or was not
            continued in time: its last letter stays then. Interrupted, the command may be given again: what it had sent and
            not yet noted goes twice then, and utterances are known by their ids.
            """);
        command.Run(terminal, async (parsed, cancellationToken) =>
        {
            var (wanted, left) = (Places(parsed.GetValue(places)), Places(parsed.GetValue(skip)));
            using var topic = source.Open(parsed);
            var letters = topic.Read(letter => letter.Stream is null && IsChosen(letter), cancellationToken);
            source.RequireLetters(parsed, letters);
            var chosen = letters.FindAll(IsChosen);
            foreach (var missing in wanted.Where(place => !letters.Exists(letter => letter.Place == place)))
            {
                terminal.Fail($"There is no letter {missing}, or it was sent again already.", "`emostream dlq list` names those that are there.");
                return ExitCode.Failure;
            }

            foreach (var missing in left.Where(place => !letters.Exists(letter => letter.Place == place)))
            {
                // No failure: a command that was interrupted may be given again.
                terminal.Err.MarkupLineInterpolated($"There is no letter {missing} to leave out, or it is done with already.");
            }

            topic.RequireParking(chosen.FindAll(letter => letter.Stream is not null), cancellationToken);

            var total = letters.Count(letter => IsChosen(letter) || chosen.Exists(other => Redrive.WaitsWith(topic, letter, other)));
            Redrive? redrive = null;
            Progress.Run(terminal, "redrive", total, done =>
            {
                redrive = new Redrive(topic, left, TimeSpan.FromSeconds(parsed.GetValue(timeout)), done);
                redrive.RunAsync(chosen, cancellationToken).GetAwaiter().GetResult();
            });
            LetterOutput.Result(terminal, redrive!, parsed.GetValue(json));
            return redrive!.Problems.Count == 0 ? ExitCode.Ok : ExitCode.Failure;

            bool IsChosen(DeadLetter letter) =>
                parsed.GetValue(all)
                || wanted.Contains(letter.Place)
                || (parsed.GetValue(reason) is { } text && letter.Reason.Contains(text, StringComparison.OrdinalIgnoreCase))
                || (parsed.GetValue(key) is { } id && letter.Key == id);
        });
        return command;
    }

    private static HashSet<Place> Places(string[]? texts) => [.. (texts ?? []).Select(text => Place.TryParse(text, out var place) ? place : default)];

    private static void RequirePlaces(IEnumerable<string> texts, SymbolResult result)
    {
        if (texts.Any(text => !Place.TryParse(text, out _)))
        {
            result.AddError("A letter is named PARTITION:OFFSET, such as 0:17.");
        }
    }

    /// <summary>The options that say where the letters are; each command has its own.</summary>
    private sealed class Source
    {
        private const string Suffix = ".dlq";

        public Option<string> Kafka { get; } = new("--kafka") { Description = "Bootstrap servers", HelpName = "HOST:PORT", DefaultValueFactory = _ => KafkaEnvironment.BootstrapServers };

        public Option<string> Topic { get; } = new("--topic") { Description = "Topic of the letters", HelpName = "T", DefaultValueFactory = _ => KafkaEnvironment.Topics.DeadLetters };

        public Option<string?> Parking { get; } = new("--parking-topic") { Description = "Topic that says which conversations are parked; else the one that the letters name", HelpName = "T" };

        /// <summary>Before a record is taken for a letter that is none.</summary>
        public void RequireLetters(ParseResult parsed, List<DeadLetter> letters)
        {
            if (letters.Count > 0 && !letters.Exists(letter => letter.IsMarked))
            {
                throw new InputException($"None of the records in {parsed.GetValue(Topic)} says why it is there: it is no dead-letter topic; --topic names another.");
            }
        }

        public DeadLetterTopic Open(ParseResult parsed)
        {
            var letters = parsed.GetRequiredValue(Topic);
            var records = letters.EndsWith(Suffix, StringComparison.Ordinal) ? letters[..^Suffix.Length] : KafkaEnvironment.Topics.Utterances;
            return new(parsed.GetRequiredValue(Kafka), letters, parsed.GetValue(Parking), records + ".parked");
        }
    }
}
