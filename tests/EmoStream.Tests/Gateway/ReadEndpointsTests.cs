using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EmoStream.Client.Read;
using EmoStream.Testing.Gateway;
using Microsoft.Extensions.Options;

namespace EmoStream.Tests.Gateway;

public sealed class ReadEndpointsTests(GatewayFixture fixture) : IClassFixture<GatewayFixture>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private HttpClient Http => fixture.Gateway.Http;

    [Fact]
    public async Task Timeline_KnownConversation_IsTheCurrentViewAsTheClientReadsIt()
    {
        await using var writer = await TimelineWriter.OpenAsync(fixture.Redis);
        var written = await writer.WriteAsync(writer.Entry("u1"), writer.Entry("u2", "s2", label: "anger"));

        var timeline = await Client().GetTimelineAsync(writer.ConversationId, Cancelled);

        Assert.Equal((writer.ConversationId, 2L), (timeline!.ConversationId, timeline.Change));
        Assert.Equal(["u1", "u2"], timeline.Entries.Select(entry => entry.UtteranceId));
        Assert.Equal(written[1].Probabilities, timeline.Entries[1].Probabilities);
        Assert.Equal("anger", timeline.Entries[1].Label);
    }

    [Theory]
    [InlineData("acme/standup 7")]
    [InlineData("50%2Foff")]
    [InlineData("a+b&c=d?e#f")]
    [InlineData("永遠に/🙂")]
    public async Task Timeline_IdWithReservedCharacters_IsFoundByItsEscapedForm(string prefix)
    {
        await using var writer = await TimelineWriter.OpenAsync(fixture.Redis, $"{prefix}{Guid.NewGuid():N}");
        await writer.WriteAsync(writer.Entry("u1"));

        var timeline = await Client().GetTimelineAsync(writer.ConversationId, Cancelled);

        Assert.Equal(writer.ConversationId, timeline?.ConversationId);
    }

    [Fact]
    public async Task Timeline_UnknownConversation_Is404AndNullForTheClient()
    {
        using var response = await Http.GetAsync("/v1/conversations/nobody/timeline", Cancelled);

        await AssertProblemAsync(response, HttpStatusCode.NotFound);
        Assert.Null(await Client().GetTimelineAsync("nobody", Cancelled));
    }

    [Theory]
    [InlineData("/../nobody/timeline")]
    [InlineData("/%2E%2E/nobody/timeline")]
    public async Task Timeline_DotSegmentsBehindAnotherConversation_Is400(string rest)
    {
        await using var writer = await TimelineWriter.OpenAsync(fixture.Redis);
        await writer.WriteAsync(writer.Entry("u1"));

        using var response = await Http.GetAsync(Raw($"/v1/conversations/{Uri.EscapeDataString(writer.ConversationId)}{rest}"), Cancelled);

        await AssertProblemAsync(response, HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Timeline_PathInOtherCase_FindsTheSameConversation()
    {
        // Only the raw target tells this escaped percent sign from a slash.
        await using var writer = await TimelineWriter.OpenAsync(fixture.Redis, $"50%2Foff{Guid.NewGuid():N}");
        await writer.WriteAsync(writer.Entry("u1"));

        using var response = await Http.GetAsync(Raw($"/V1/Conversations/{Uri.EscapeDataString(writer.ConversationId)}/timeline"), Cancelled);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task AnyPath_IdTooLongOrWithBraces_Is400()
    {
        foreach (var id in new[] { new string('x', 257), "%7Bslot%7D", "line%0Abreak" })
        {
            foreach (var path in new[] { "timeline", "follow" })
            {
                using var response = await Http.GetAsync($"/v1/conversations/{id}/{path}", HttpCompletionOption.ResponseHeadersRead, Cancelled);
                await AssertProblemAsync(response, HttpStatusCode.BadRequest);
            }
        }
    }

    [Fact]
    public async Task List_MoreThanOnePage_IsPagedByLatestActivity()
    {
        var ids = new List<string>();
        for (var i = 0; i < 4; i++)
        {
            await using var writer = await TimelineWriter.OpenAsync(fixture.Redis);
            await writer.WriteAsync(writer.Entry("u1"), writer.Entry("u2"));
            ids.Add(writer.ConversationId);
        }

        var seen = new List<string>();
        int? offset = 0;
        while (offset is { } at)
        {
            var page = await Client().ListAsync(at, limit: 3, Cancelled);
            Assert.InRange(page.Conversations.Count, 1, 3);
            seen.AddRange(page.Conversations.Select(line => line.ConversationId));
            Assert.All(page.Conversations.Where(line => ids.Contains(line.ConversationId)), line => Assert.Equal(2, line.Utterances));
            offset = page.Next;
        }

        Assert.Equal(seen.Count, seen.Distinct().Count());
        Assert.Superset(ids.ToHashSet(), seen.ToHashSet());
    }

    [Theory]
    [InlineData("limit=0")]
    [InlineData("limit=4")]
    [InlineData("offset=-1")]
    [InlineData("limit=many")]
    public async Task List_LimitsOutOfRange_Is400(string query)
    {
        using var response = await Http.GetAsync($"/v1/conversations?{query}", Cancelled);

        await AssertProblemAsync(response, HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task OpenApi_Document_DescribesEveryEndpoint()
    {
        var document = await Http.GetFromJsonAsync<JsonElement>("/openapi/v1.json", Cancelled);

        var paths = document.GetProperty("paths");
        foreach (var (path, method) in new[]
        {
            ("/v1/conversations", "get"), ("/v1/conversations/{id}/timeline", "get"),
            ("/v1/conversations/{id}/follow", "get"), ("/v1/conversations/{id}/utterances", "post"),
        })
        {
            var operation = paths.GetProperty(path).GetProperty(method);
            Assert.False(string.IsNullOrWhiteSpace(operation.GetProperty("summary").GetString()), path);
            Assert.False(string.IsNullOrWhiteSpace(operation.GetProperty("description").GetString()), path);
        }

        Assert.True(document.GetProperty("components").GetProperty("schemas").TryGetProperty("TimelineEntry", out _));
    }

    [Fact]
    public async Task UnknownPath_Is404Problem()
    {
        using var response = await Http.GetAsync("/v2/nothing", Cancelled);

        await AssertProblemAsync(response, HttpStatusCode.NotFound);
    }

    internal static async Task<JsonElement> AssertProblemAsync(HttpResponseMessage response, HttpStatusCode status)
    {
        Assert.Equal(status, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var problem = await response.Content.ReadFromJsonAsync<JsonElement>(Cancelled);
        Assert.Equal((int)status, problem.GetProperty("status").GetInt32());
        return problem;
    }

    private Uri Raw(string path) =>
        new(Http.BaseAddress!.GetLeftPart(UriPartial.Authority) + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });

    private TimelineClient Client() => new(Http, Options.Create(new TimelineClientOptions { BaseAddress = fixture.Gateway.Address }));
}
