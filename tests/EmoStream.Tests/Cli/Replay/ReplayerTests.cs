using EmoStream.Cli.Input;
using EmoStream.Cli.Replay;
using EmoStream.Contracts.Events;
using Microsoft.Extensions.Time.Testing;

namespace EmoStream.Tests.Cli.Replay;

public sealed class ReplayerTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly List<UtteranceEvent> _sent = [];

    [Fact]
    public async Task Wait_AtSpeed4_IsAQuarterOfTheMeetingsTime()
    {
        var clock = new FakeTimeProvider();
        var pacer = new ReplayPacer(clock, speed: 4);
        await pacer.WaitAsync(Event("a", 60_000), TestContext.Current.CancellationToken);

        var second = pacer.WaitAsync(Event("a", 64_000), TestContext.Current.CancellationToken);
        clock.Advance(TimeSpan.FromMilliseconds(999));
        Assert.False(second.IsCompleted);
        clock.Advance(TimeSpan.FromMilliseconds(1));

        await second.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Wait_NewConversation_StartsItsOwnClock()
    {
        var clock = new FakeTimeProvider();
        var pacer = new ReplayPacer(clock, speed: 1);
        await pacer.WaitAsync(Event("a", 0), TestContext.Current.CancellationToken);
        clock.Advance(TimeSpan.FromSeconds(5));

        Assert.True(pacer.WaitAsync(Event("b", 3_600_000), TestContext.Current.CancellationToken).IsCompleted);
        Assert.False(pacer.WaitAsync(Event("b", 3_601_000), TestContext.Current.CancellationToken).IsCompleted);
        // a's second 5 is now; its second 6 is not.
        Assert.True(pacer.WaitAsync(Event("a", 5_000), TestContext.Current.CancellationToken).IsCompleted);
        Assert.False(pacer.WaitAsync(Event("a", 6_000), TestContext.Current.CancellationToken).IsCompleted);
    }

    [Fact]
    public async Task Wait_TimesAtTheEndsOfTheRange_WaitsForDaysAndDoesNotOverflow()
    {
        var clock = new FakeTimeProvider();
        var pacer = new ReplayPacer(clock, speed: 0.001);
        await pacer.WaitAsync(Event("a", long.MinValue), TestContext.Current.CancellationToken);
        await pacer.WaitAsync(Event("b", long.MaxValue), TestContext.Current.CancellationToken);

        var never = pacer.WaitAsync(Event("a", long.MaxValue), TestContext.Current.CancellationToken);
        Assert.True(pacer.WaitAsync(Event("b", 0), TestContext.Current.CancellationToken).IsCompletedSuccessfully);
        clock.Advance(TimeSpan.FromDays(100));

        Assert.False(never.IsCompleted);
    }

    [Fact]
    public async Task Wait_LongerThanOneTimer_EndsWhenDue()
    {
        var clock = new FakeTimeProvider();
        var pacer = new ReplayPacer(clock, speed: 1);
        await pacer.WaitAsync(Event("a", 0), TestContext.Current.CancellationToken);

        var late = pacer.WaitAsync(Event("a", 36 * 3_600_000L), TestContext.Current.CancellationToken);
        clock.Advance(TimeSpan.FromDays(1));
        Assert.False(late.IsCompleted);
        clock.Advance(TimeSpan.FromDays(1));

        await late.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData(null, 99_000L)]
    [InlineData(1.0, null)]
    public async Task Wait_MaxSpeedOrNoTime_IsOver(double? speed, long? startMs)
    {
        var pacer = new ReplayPacer(new FakeTimeProvider(), speed);
        await pacer.WaitAsync(Event("a", 0), TestContext.Current.CancellationToken);

        Assert.True(pacer.WaitAsync(Event("a", startMs), TestContext.Current.CancellationToken).IsCompleted);
    }

    [Fact]
    public async Task Run_FileWithoutEnds_SendsInOrderAndEndsEachConversationAfterItsLastLine()
    {
        var result = await RunAsync(new() { ConversationPrefix = "run2-" }, Line("a", "u1"), Line("b", "u1"), "{", Line("a", "u2"));

        Assert.Equal(new ReplayResult(3, 1, 2), result);
        Assert.Equal(
            ["run2-a/u1 Utterance", "run2-b/u1 Utterance", "run2-b/ End", "run2-a/u2 Utterance", "run2-a/ End"],
            _sent.Select(e => $"{e.ConversationId}/{e.UtteranceId} {e.Kind}"));
    }

    [Fact]
    public async Task Run_FileThatEndsItself_SendsNoSecondEnd()
    {
        await RunAsync(new(), Line("a", "u1"), """{"conversationId":"a","kind":"end"}""");

        Assert.Equal([UtteranceKind.Utterance, UtteranceKind.End], _sent.Select(e => e.Kind));
    }

    [Fact]
    public async Task Run_NoEnd_LeavesConversationsOpen()
    {
        await RunAsync(new() { SendEnd = false }, Line("a", "u1"));

        Assert.Equal([UtteranceKind.Utterance], _sent.Select(e => e.Kind));
    }

    [Fact]
    public async Task Run_SendFails_Throws()
    {
        var input = new InputFile(_directory.Write("a.jsonl", Line("a", "u1")));
        var replayer = new Replayer((_, _) => Task.FromException(new TimeoutException("no broker")), new ReplayPacer(new FakeTimeProvider(), null));

        await Assert.ThrowsAsync<TimeoutException>(() => replayer.RunAsync(input, input.Plan(), TestContext.Current.CancellationToken));
    }

    public void Dispose() => _directory.Dispose();

    private static UtteranceEvent Event(string conversation, long? startMs) => new() { ConversationId = conversation, UtteranceId = "u", StartMs = startMs };

    private static string Line(string conversation, string utterance)
        => $$"""{"conversationId":"{{conversation}}","utteranceId":"{{utterance}}","speaker":"Ana","startMs":null,"endMs":null,"text":"Hi."}""";

    private Task<ReplayResult> RunAsync(Options options, params string[] lines)
    {
        var input = new InputFile(_directory.Write("a.jsonl", lines));
        var replayer = new Replayer(Send, new ReplayPacer(new FakeTimeProvider(), null)) { ConversationPrefix = options.ConversationPrefix, SendEnd = options.SendEnd };
        return replayer.RunAsync(input, input.Plan(), TestContext.Current.CancellationToken);
    }

    private Task Send(UtteranceEvent e, CancellationToken cancellationToken)
    {
        _sent.Add(e);
        return Task.CompletedTask;
    }

    private sealed record Options
    {
        public string ConversationPrefix { get; init; } = "";
        public bool SendEnd { get; init; } = true;
    }
}
