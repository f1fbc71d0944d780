using System.Text;
using EmoStream.Cli.Input;

namespace EmoStream.Tests.Cli.Input;

public sealed class MeldCsvReaderTests : IDisposable
{
    private const string Header = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime";

    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void Lines_Row_BecomesUtteranceOfTheSplit()
    {
        var line = Assert.Single(Read(Header, "1,\"Oh, \"\"really\"\"?\",Ana,surprise,positive,12,3,4,7,\"00:16:16,059\",\"00:16:21,731\""));

        Assert.Null(line.Error);
        Assert.Equal(2, line.Number);
        Assert.Equal("surprise", line.Label);
        var e = line.Event!;
        Assert.Equal(("meld-dev-12", "dev_dia12_utt3", "Ana", "Oh, \"really\"?"), (e.ConversationId, e.UtteranceId, e.Speaker!.Id, e.Text));
        Assert.Equal((976_059L, 981_731L), (e.StartMs!.Value, e.EndMs!.Value));
    }

    [Fact]
    public void Lines_MojibakeWrittenAsUtf8_IsRepaired()
    {
        var line = Assert.Single(Read(Header, "1,I\u0092m here \u0096 now\u0085,Ana,neutral,neutral,0,0,1,1,\"00:00:01,000\",\"00:00:02,000\""));

        Assert.Equal("I’m here – now…", line.Event!.Text);
    }

    [Fact]
    public void Lines_Windows1252File_IsDecoded()
    {
        var path = _directory.PathOf("train_sent_emo.csv");
        File.WriteAllBytes(path, [.. Encoding.ASCII.GetBytes(Header + "\n1,I"), 0x92, .. Encoding.ASCII.GetBytes("m here,Ana,neutral,neutral,0,0,1,1,\"00:00:01,000\",\"00:00:02,000\"\n")]);

        var line = Assert.Single(new InputFile(path).Lines());

        Assert.Equal("I’m here", line.Event!.Text);
        Assert.Equal("meld-train-0", line.Event.ConversationId);
    }

    [Theory]
    [InlineData("1,Hi,Ana,joy,positive,x,0,1,1,\"00:00:01,000\",\"00:00:02,000\"", "wrong-type: Dialogue_ID")]
    [InlineData("1,Hi,Ana,joy,positive,0,,1,1,\"00:00:01,000\",\"00:00:02,000\"", "wrong-type: Utterance_ID")]
    [InlineData("1,Hi,Ana,joy,positive,0,0,1,1,early,\"00:00:02,000\"", "wrong-type: StartTime")]
    [InlineData("1,Hi,Ana,joy,positive,0,0,1,1,\"00:00:03,000\",\"00:00:02,000\"", "bad-time")]
    [InlineData("1,Hi,,joy,positive,0,0,1,1,\"00:00:01,000\",\"00:00:02,000\"", "missing-field: speaker.id")]
    [InlineData("1,Hi,Ana", "missing-field")]
    public void Lines_BadRow_SaysWhyWithItsNumberAndGoesOn(string bad, string reason)
    {
        var lines = Read(Header, bad, "2,Hi,Ana,joy,positive,0,1,1,1,\"00:00:01,000\",\"00:00:02,000\"");

        Assert.Equal([2, 3], lines.Select(line => line.Number));
        Assert.StartsWith(reason, lines[0].Error);
        Assert.NotNull(lines[1].Event);
    }

    [Fact]
    public void Lines_TextWithLineBreak_CountsItsLines()
    {
        var lines = Read(Header, "1,\"two\nlines\",Ana,joy,positive,0,0,1,1,\"00:00:01,000\",\"00:00:02,000\"", "2,Hi,Ana,joy,positive,0,zero,1,1,\"00:00:01,000\",\"00:00:02,000\"");

        Assert.Equal([2, 4], lines.Select(line => line.Number));
        Assert.Equal("two\nlines", lines[0].Event!.Text);
    }

    [Fact]
    public void Lines_MissingColumn_Throws()
    {
        var e = Assert.Throws<InputException>(() => Read("Utterance,Speaker", "Hi,Ana"));

        Assert.Contains("Dialogue_ID", e.Message);
    }

    public void Dispose() => _directory.Dispose();

    private List<InputLine> Read(params string[] lines) => new InputFile(_directory.Write("dev_sent_emo.csv", lines)).Lines().ToList();
}
