using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json;
using EmoStream.Contracts;
using EmoStream.Testing.Gateway;

namespace EmoStream.Tests.Gateway;

public sealed class FollowEndpointTests(GatewayFixture fixture) : IClassFixture<GatewayFixture>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Follow_ConversationThatComesLater_SendsItsEntriesWithChangeNumbersAsIds()
    {
        await using var writer = await TimelineWriter.OpenAsync(fixture.Redis);
        await using var events = await FollowAsync(fixture.Gateway, writer.ConversationId);

        var written = await writer.WriteAsync(writer.Entry("u1", text: "Für immer\nund ewig"), writer.Entry("u2"));

        foreach (var entry in written)
        {
            var e = await events.NextAsync();
            Assert.Equal(("entry", $"{entry.Change}"), (e.EventType, e.EventId));
            var got = JsonSerializer.Deserialize(e.Data, ContractsJson.Default.TimelineEntry)!;
            Assert.Equal((entry.UtteranceId, entry.Text, entry.Status), (got.UtteranceId, got.Text, got.Status));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Follow_AfterAChange_SendsOnlyWhatCameAfter(bool header)
    {
        await using var writer = await TimelineWriter.OpenAsync(fixture.Redis);
        await writer.WriteAsync(writer.Entry("u1"), writer.Entry("u2"), writer.Entry("u3"));

        await using var events = header
            ? await FollowAsync(fixture.Gateway, writer.ConversationId, lastEventId: "2")
            : await FollowAsync(fixture.Gateway, writer.ConversationId, "?after=2");

        Assert.Equal("3", (await events.NextAsync()).EventId);
    }

    [Theory]
    [InlineData("?after=-1", null)]
    [InlineData("?after=x", null)]
    [InlineData("", "x")]
    [InlineData("", "-1")]
    public async Task Follow_TokenThatIsNoChangeNumber_Is400(string query, string? lastEventId)
    {
        using var request = Request("c", query, lastEventId);
        using var response = await fixture.Gateway.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancelled);

        await ReadEndpointsTests.AssertProblemAsync(response, HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Follow_TokenAheadOfTheConversation_EndsWithRewound()
    {
        await using var writer = await TimelineWriter.OpenAsync(fixture.Redis);
        await writer.WriteAsync(writer.Entry("u1"));

        await using var events = await FollowAsync(fixture.Gateway, writer.ConversationId, "?after=7");

        var e = await events.NextAsync();
        Assert.Equal(("rewound", """{"change":1}"""), (e.EventType, e.Data));
        Assert.True(await events.EndsAsync());
    }

    [Fact]
    public async Task Follow_Silence_IsBrokenByHeartbeats()
    {
        await using var gateway = await fixture.StartAsync(("EmoStream:Gateway:Heartbeat", "00:00:00.050"));
        using var request = Request("silent", "", null);
        using var response = await gateway.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancelled);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(Cancelled));

        var read = new List<string?>();
        while (read.Count(line => line == ": heartbeat") < 2)
        {
            read.Add(await lines.ReadLineAsync(Cancelled).AsTask().WaitAsync(Patience, Cancelled));
        }

        Assert.Equal(": connected", read[0]);
        Assert.All(read, line => Assert.Contains(line, (string?[])[": connected", ": heartbeat", ""]));
    }

    [Fact]
    public async Task Follow_GatewayStops_EndsAtOnce()
    {
        await using var gateway = await fixture.StartAsync();
        await using var events = await FollowAsync(gateway, "somebody");

        await gateway.StopAsync().WaitAsync(Patience, Cancelled);

        Assert.True(await events.EndsAsync());
    }

    [Fact]
    public async Task Follow_MoreFollowersThanAllowed_Is503UntilOneLeaves()
    {
        await using var gateway = await fixture.StartAsync(("EmoStream:Gateway:MaxFollowers", "1"));
        await using (await FollowAsync(gateway, "somebody"))
        {
            using var refused = await SendAsync();
            await ReadEndpointsTests.AssertProblemAsync(refused, HttpStatusCode.ServiceUnavailable);
        }

        // The gateway learns of the closed connection by itself; there is no event to await here but its own answer.
        await EmoStream.Testing.Eventually.TrueAsync(
            async _ =>
            {
                using var response = await SendAsync();
                return response.StatusCode == HttpStatusCode.OK;
            },
            () => "still refused after the only follower had left",
            Patience);

        async Task<HttpResponseMessage> SendAsync()
        {
            using var request = Request("somebody", "", null);
            return await gateway.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancelled);
        }
    }

    private static HttpRequestMessage Request(string conversation, string query, string? lastEventId)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/conversations/{Uri.EscapeDataString(conversation)}/follow{query}");
        if (lastEventId is not null)
        {
            request.Headers.TryAddWithoutValidation("Last-Event-ID", lastEventId);
        }

        return request;
    }

    private static async Task<Events> FollowAsync(GatewayHost gateway, string conversation, string query = "", string? lastEventId = null)
    {
        using var request = Request(conversation, query, lastEventId);
        var response = await gateway.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancelled);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        return new Events(response, await response.Content.ReadAsStreamAsync(Cancelled));
    }

    private sealed class Events(HttpResponseMessage response, Stream body) : IAsyncDisposable
    {
        private readonly IAsyncEnumerator<SseItem<string>> _events = SseParser.Create(body).EnumerateAsync(Cancelled).GetAsyncEnumerator(Cancelled);

        public async Task<SseItem<string>> NextAsync()
        {
            Assert.True(await _events.MoveNextAsync().AsTask().WaitAsync(Patience, Cancelled), "The stream ended.");
            return _events.Current;
        }

        public async Task<bool> EndsAsync() => !await _events.MoveNextAsync().AsTask().WaitAsync(Patience, Cancelled);

        public async ValueTask DisposeAsync()
        {
            response.Dispose();
            await body.DisposeAsync();
        }
    }
}
