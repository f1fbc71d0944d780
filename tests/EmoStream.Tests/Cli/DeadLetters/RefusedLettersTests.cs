using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using EmoStream.Cli;
using EmoStream.Cli.DeadLetters;
using EmoStream.Cli.Up;
using EmoStream.Streaming.Kafka;
using Spectre.Console;

namespace EmoStream.Tests.Cli.DeadLetters;

/// <summary>What the <c>dlq</c> commands refuse, and what they do not hand to a terminal.</summary>
public sealed class RefusedLettersTests
{
    [Fact]
    public async Task Redrive_LettersWithoutAUsableTopic_NamedAndTheOthersGoOnce()
    {
        using var kafka = EmbeddedKafka.Start();
        kafka.CreateTopic("t", 1);
        kafka.CreateTopic("t.dlq", 1);
        foreach (var topic in (string?[])["t", null, "no topic", "gone", "t"])
        {
            Headers headers = topic is null ? [] : [new Header(DeadLetterHeaders.Topic, Encoding.UTF8.GetBytes(topic))];
            await ProduceAsync(kafka, new() { Value = "v"u8.ToArray(), Headers = headers, Timestamp = new Timestamp(1700000000000, TimestampType.CreateTime) });
        }

        var (exitCode, output, error) = await CliRun.RunAsync("dlq", "redrive", "--all", "--kafka", kafka.BootstrapServers, "--topic", "t.dlq", "--json");

        Assert.True(exitCode == 1, output + error);
        var result = JsonDocument.Parse(output).RootElement;
        Assert.Equal(2, result.GetProperty("sent").GetInt32());
        Assert.Equal(
            ["0:1", "0:2", "0:3"],
            result.GetProperty("problems").EnumerateArray().Select(problem => problem.GetString()!.Split(' ')[1]));
        var left = (await CliRun.RunAsync("dlq", "list", "--kafka", kafka.BootstrapServers, "--topic", "t.dlq", "--json")).Output;
        Assert.Equal(["0:1", "0:2", "0:3"], JsonDocument.Parse(left).RootElement.EnumerateArray().Select(letter => letter.GetProperty("letter").GetString()!));
    }

    [Fact]
    public async Task Show_OutThatCannotBeWritten_OneLine()
    {
        using var kafka = EmbeddedKafka.Start();
        kafka.CreateTopic("t.dlq", 1);
        using var directory = new TemporaryDirectory();
        await ProduceAsync(kafka, new() { Value = "v"u8.ToArray() });
        foreach (var file in (string[])[directory.PathOf("none/x"), directory.Root])
        {
            var (exitCode, _, error) = await CliRun.RunAsync("dlq", "show", "0:0", "--out", file, "--kafka", kafka.BootstrapServers, "--topic", "t.dlq");
            Assert.Equal(1, exitCode);
            Assert.StartsWith($"error: {file}: cannot be written: ", error, StringComparison.Ordinal);
            Assert.Single(error.TrimEnd().Split('\n'));
        }
    }

    [Theory]
    [InlineData("show", "0:0", "--out", "")]
    [InlineData("redrive", "--reason", "")]
    public async Task Dlq_EmptyText_WrongUsage(params string[] args) =>
        Assert.Equal(2, (await CliRun.RunAsync(["dlq", .. args, "--kafka", "localhost:1"])).ExitCode);

    [Theory]
    [InlineData(true, "own: ␛[2J\nkey: k\n\na\n␇b\n")]
    [InlineData(false, "own: \u001b[2J\nkey: k\n\na\n\u0007b\n")]
    public void Show_ControlCharacters_AsPicturesOnATerminalOnly(bool isTerminal, string expected)
    {
        using var output = new StringWriter();
        var terminal = new Terminal(output, TextWriter.Null);
        terminal.Out.Profile.Out = new FakeOutput(output, isTerminal);
        var message = new Message<byte[]?, byte[]?> { Key = "k"u8.ToArray(), Value = "a\n\u0007b"u8.ToArray(), Headers = [new Header("own", "\u001b[2J"u8.ToArray())] };

        LetterOutput.Show(terminal, new DeadLetter(new() { Topic = "t.dlq", Message = message }), json: false, withValue: true);

        Assert.Equal(expected, output.ToString().ReplaceLineEndings("\n"));
    }

    private static async Task ProduceAsync(EmbeddedKafka kafka, Message<byte[]?, byte[]?> message)
    {
        using var producer = new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig { BootstrapServers = kafka.BootstrapServers }).Build();
        await producer.ProduceAsync(new TopicPartition("t.dlq", 0), message, TestContext.Current.CancellationToken);
    }

    private sealed class FakeOutput(TextWriter writer, bool isTerminal) : IAnsiConsoleOutput
    {
        public TextWriter Writer => writer;

        public bool IsTerminal => isTerminal;

        public int Width => 80;

        public int Height => 24;

        public void SetEncoding(Encoding encoding)
        {
        }
    }
}
