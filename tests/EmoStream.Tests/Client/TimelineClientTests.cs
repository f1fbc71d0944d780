using System.Net;
using EmoStream.Client.Read;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace EmoStream.Tests.Client;

public sealed class TimelineClientTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Follow_ConnectionsThatBreak_GoesOnBehindTheLastChangeWithoutRepeating()
    {
        var gateway = new ScriptedGateway(
            () => ScriptedGateway.Events(": connected\n\n" + ScriptedGateway.Entry(1) + ScriptedGateway.Entry(2)),
            () => throw new HttpRequestException("refused"),
            () => new HttpResponseMessage(HttpStatusCode.ServiceUnavailable),
            // Broken in the middle of an event: its half must neither be taken nor counted.
            () => ScriptedGateway.Events(ScriptedGateway.Entry(2) + ScriptedGateway.Entry(3) + "id: 4\nevent: entry\ndata: {\"conversationId\":\"c\""),
            () => ScriptedGateway.Events(ScriptedGateway.Entry(4)));

        var seen = await TakeAsync(Client(gateway), 4);

        Assert.Equal([1L, 2, 3, 4], seen);
        Assert.Equal(["0", "2", "2", "2", "3"], gateway.Requests.Select(request => request.LastEventId));
        Assert.All(gateway.Requests, request => Assert.Equal("/base/v1/conversations/tenant%2Fc%201/follow", request.Path));
    }

    [Fact]
    public async Task Follow_EventThatIsUnreadableTwice_ThrowsInsteadOfTryingForEver()
    {
        const string Unreadable = "id: 2\nevent: entry\ndata: {\"conversationId\":42}\n\n";
        var gateway = new ScriptedGateway(
            () => ScriptedGateway.Events(ScriptedGateway.Entry(1) + Unreadable),
            () => throw new HttpRequestException("refused"),
            () => ScriptedGateway.Events(Unreadable));

        var error = await Assert.ThrowsAsync<TimelineRequestException>(() => TakeAsync(Client(gateway), 2));

        Assert.Contains("after change 1", error.Message, StringComparison.Ordinal);
        Assert.Equal(3, gateway.Requests.Count);
    }

    [Theory]
    [InlineData(HttpStatusCode.Unauthorized)]
    [InlineData(HttpStatusCode.Forbidden)]
    [InlineData(HttpStatusCode.BadRequest)]
    public async Task Follow_RefusedForGood_ThrowsInsteadOfTryingAgain(HttpStatusCode status)
    {
        var gateway = new ScriptedGateway(() => new HttpResponseMessage(status));

        var refused = await Assert.ThrowsAsync<TimelineRequestException>(() => TakeAsync(Client(gateway), 1));

        Assert.Equal(status, refused.StatusCode);
        Assert.Single(gateway.Requests);
    }

    [Fact]
    public async Task Follow_RewoundConversation_TellsSo()
    {
        var gateway = new ScriptedGateway(() => ScriptedGateway.Events(ScriptedGateway.Entry(7) + "event: rewound\ndata: {\"change\":3}\n\n"));

        await Assert.ThrowsAsync<ConversationRewoundException>(() => TakeAsync(Client(gateway), 2));
    }

    [Fact]
    public async Task Follow_EventOfAnUnknownKind_IsPassedOver()
    {
        var gateway = new ScriptedGateway(() => ScriptedGateway.Events("event: news\ndata: not json\n\n" + ScriptedGateway.Entry(1)));

        Assert.Equal([1L], await TakeAsync(Client(gateway), 1));
    }

    [Fact]
    public async Task Follow_SilentConnection_IsGivenUpAfterTheIdleTimeout()
    {
        var clock = new FakeTimeProvider();
        var silent = new SilentStream(ScriptedGateway.Entry(1));
        var gateway = new ScriptedGateway(() => ScriptedGateway.Stream(silent), () => ScriptedGateway.Events(ScriptedGateway.Entry(2)));
        var client = Client(gateway, clock, options => options.IdleTimeout = TimeSpan.FromSeconds(45));

        var seen = TakeAsync(client, 2);
        await silent.Waiting.WaitAsync(Patience, Cancelled);
        clock.Advance(TimeSpan.FromSeconds(44));
        Assert.Single(gateway.Requests);
        await EmoStream.Testing.Eventually.TrueAsync(
            () =>
            {
                // Past the idle timeout, then past the pause before the next connection.
                clock.Advance(TimeSpan.FromSeconds(1));
                return seen.IsCompleted;
            },
            () => $"connected again; requests: {gateway.Requests.Count}",
            Patience);

        Assert.Equal([1L, 2], await seen);
        Assert.Equal("1", gateway.Requests[1].LastEventId);
    }

    [Fact]
    public async Task Requests_WithATokenProvider_CarryAFreshTokenEach()
    {
        var gateway = new ScriptedGateway(() => ScriptedGateway.Events(ScriptedGateway.Entry(1)), () => ScriptedGateway.Events(ScriptedGateway.Entry(2)));
        var tokens = 0;
        var client = Client(gateway, configure: options => options.TokenProvider = _ => ValueTask.FromResult<string?>($"token-{++tokens}"));

        await TakeAsync(client, 2);

        Assert.Equal(["Bearer token-1", "Bearer token-2"], gateway.Requests.Select(request => request.Authorization));
    }

    [Fact]
    public async Task List_AnswerThatIsNoList_ThrowsAClearError()
    {
        var gateway = new ScriptedGateway(() => new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent("<html>") });

        var error = await Assert.ThrowsAsync<TimelineRequestException>(() => Client(gateway).ListAsync(cancellationToken: Cancelled));

        Assert.Contains("address", error.Message, StringComparison.Ordinal);
    }

    private static TimelineClient Client(ScriptedGateway gateway, TimeProvider? clock = null, Action<TimelineClientOptions>? configure = null)
    {
        var options = new TimelineClientOptions
        {
            BaseAddress = new Uri("http://gateway/base"),
            MinReconnectDelay = TimeSpan.FromMilliseconds(1),
            MaxReconnectDelay = TimeSpan.FromMilliseconds(2),
        };
        configure?.Invoke(options);
        return new TimelineClient(new HttpClient(gateway), Options.Create(options), clock);
    }

    private static async Task<List<long>> TakeAsync(TimelineClient client, int count)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        patience.CancelAfter(Patience);
        var seen = new List<long>();
        await foreach (var entry in client.FollowAsync("tenant/c 1", cancellationToken: patience.Token))
        {
            seen.Add(entry.Change);
            if (seen.Count == count)
            {
                break;
            }
        }

        return seen;
    }
}
