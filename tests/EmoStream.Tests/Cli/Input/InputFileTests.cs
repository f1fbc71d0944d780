using EmoStream.Cli.Input;
using EmoStream.Contracts.Events;

namespace EmoStream.Tests.Cli.Input;

public sealed class InputFileTests : IDisposable
{
    private const string Dataset = """{"conversationId":"c","utteranceId":"u1","index":0,"speaker":"Ana","startMs":null,"endMs":null,"text":"Hi.","label":"joy","features":{"face":[0.5,1]}}""";
    private const string Event = """{"conversationId":"c","utteranceId":"u2","kind":"revision","speaker":{"id":"s1","displayName":"Ana"},"startMs":5,"endMs":9,"text":"Hi!"}""";
    private const string End = """{"conversationId":"c","kind":"end"}""";

    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void Lines_DatasetLine_BecomesUtteranceWithLabelAndWithoutFeatures()
    {
        var line = Assert.Single(Read(Dataset));

        Assert.Equal("joy", line.Label);
        Assert.Equal(("c", "u1", UtteranceKind.Utterance, "Hi."), (line.Event!.ConversationId, line.Event.UtteranceId, line.Event.Kind, line.Event.Text));
        Assert.Equal(new Speaker("Ana", DisplayName: "Ana"), line.Event.Speaker);
        Assert.Null(line.Event.StartMs);
        Assert.Null(line.Event.Face);
    }

    [Fact]
    public void Lines_DatasetLineWithFeatureSpace_BringsTheVector()
    {
        var file = new InputFile(_directory.Write("a.jsonl", Dataset), FeatureSpaces.Parse(["face=face/units@1"]));

        var features = Assert.Single(file.Lines()).Event!.Face!.Features!;

        Assert.Equal("face/units@1", features.Space);
        Assert.Equal([0.5f, 1f], features.Values);
    }

    [Fact]
    public void Lines_EventLines_KeepKindSpeakerAndTimes()
    {
        var lines = Read(Event, End);

        Assert.Equal((UtteranceKind.Revision, 5L, 9L, "s1"), (lines[0].Event!.Kind, lines[0].Event!.StartMs!.Value, lines[0].Event!.EndMs!.Value, lines[0].Event!.Speaker!.Id));
        Assert.Equal(UtteranceKind.End, lines[1].Event!.Kind);
    }

    [Theory]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":"A","text":"x""", "not-json")]
    [InlineData("[1]", "not-an-event")]
    [InlineData("""{"utteranceId":"u","speaker":"A","text":"x"}""", "missing-field: conversationId")]
    [InlineData("""{"conversationId":"c","speaker":"A","text":"x"}""", "missing-field: utteranceId")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":"A","text":7}""", "wrong-type: text")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":"A","text":"x","startMs":"soon"}""", "wrong-type: startMs")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":"A","text":"x","startMs":9,"endMs":5}""", "bad-time")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","speaker":"A","text":" "}""", "no-modality")]
    [InlineData("""{"conversationId":"c","utteranceId":"u","kind":"shout","speaker":{"id":"s"},"text":"x"}""", "wrong-type: $.kind")]
    public void Lines_BadLine_SaysWhyWithItsNumberAndGoesOn(string bad, string reason)
    {
        var lines = Read(Dataset, "", bad, Event);

        Assert.Equal([1, 3, 4], lines.Select(line => line.Number));
        Assert.Null(lines[1].Event);
        Assert.StartsWith(reason, lines[1].Error);
        Assert.NotNull(lines[2].Event);
    }

    [Fact]
    public void Lines_NotUtf8_SaysSoOfThatLineAloneAndTakesAByteOrderMark()
    {
        var path = _directory.PathOf("a.jsonl");
        var line = System.Text.Encoding.UTF8.GetBytes(Dataset.Replace("Hi.", "Oh – là."));
        File.WriteAllBytes(path, [0xEF, 0xBB, 0xBF, .. line, (byte)'\n', (byte)'"', 0xFF, 0xFE, 0x80, (byte)'"', (byte)'\r', (byte)'\n', .. line]);

        var lines = new InputFile(path).Lines().ToList();

        Assert.Equal([(1, null), (2, "not valid UTF-8"), (3, null)], lines.Select(read => (read.Number, read.Error)));
        Assert.Equal(["Oh – là.", null, "Oh – là."], lines.Select(read => read.Event?.Text));
    }

    [Fact]
    public void Lines_WrongTypeInAnEvent_GivesTheByteAndNoLineOfItsOwn()
    {
        var error = Assert.Single(Read("""{"conversationId":"c","utteranceId":"u","speaker":5,"text":"x"}""")).Error!;

        Assert.Matches(@"^wrong-type: \$\.speaker at byte \d+$", error);
    }

    [Fact]
    public void Plan_SeveralConversations_KnowsWhereEachEndsAndWhichEndsItself()
    {
        var path = _directory.Write("a.jsonl", Dataset, Dataset.Replace("\"c\"", "\"d\""), Event, "{", End);
        var file = new InputFile(path);

        var plan = file.Plan();

        Assert.Equal((4, 1, 2), (plan.Events, plan.Errors, plan.Conversations));
        Assert.Equal([2], file.Lines().Where(plan.NeedsEndAfter).Select(line => line.Number));
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Lines_OfAPipe_AreReadOnceAndKept()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs named pipes with paths");
        var pipe = Path.Combine(_directory.Root, "pipe");
        using (var made = System.Diagnostics.Process.Start("mkfifo", pipe))
        {
            await made.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        var file = new InputFile(pipe);
        var read = Task.Run(() => (Plan: file.Plan(), Lines: file.Lines().ToList()), TestContext.Current.CancellationToken);
        await Task.Run(() => File.WriteAllText(pipe, Dataset + "\n"), TestContext.Current.CancellationToken);
        var (plan, lines) = await read.WaitAsync(EmoStream.Testing.Eventually.Timeout, TestContext.Current.CancellationToken);

        Assert.True(plan.NeedsEndAfter(Assert.Single(lines)));
    }

    private List<InputLine> Read(params string[] lines) => new InputFile(_directory.Write("a.jsonl", lines)).Lines().ToList();
}
