using System.Net;
using System.Net.Sockets;
using System.Text;

namespace EmoStream.Tests.Gateway;

/// <summary>What happens before Kafka, and without it; acknowledged posts are in the integration tests.</summary>
public sealed class PostEndpointTests(GatewayFixture fixture) : IClassFixture<GatewayFixture>
{
    private const string Event = """{"utteranceId":"u1","speaker":{"id":"s1"},"text":"Hi"}""";

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Post_KafkaAway_Is503AndSaysHowManyWereAcknowledged()
    {
        using var response = await PostAsync($"[{Event}]");

        var problem = await ReadEndpointsTests.AssertProblemAsync(response, HttpStatusCode.ServiceUnavailable);
        Assert.Equal(0, problem.GetProperty("acknowledged").GetInt32());
    }

    [Fact]
    public async Task Post_SecondEventInvalid_Is400WithIndexAndReason()
    {
        using var response = await PostAsync($"[{Event},{{\"utteranceId\":\"u2\",\"speaker\":{{\"id\":\"s1\"}}}}]");

        var problem = await ReadEndpointsTests.AssertProblemAsync(response, HttpStatusCode.BadRequest);
        Assert.Equal(1, problem.GetProperty("index").GetInt32());
        Assert.StartsWith("no-modality", problem.GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_OtherConversationInTheBody_Is400()
    {
        using var response = await PostAsync("""{"conversationId":"other","utteranceId":"u1","speaker":{"id":"s1"},"text":"Hi"}""");

        var problem = await ReadEndpointsTests.AssertProblemAsync(response, HttpStatusCode.BadRequest);
        Assert.StartsWith("other-conversation", problem.GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_MoreEventsThanAllowed_Is400()
    {
        using var response = await PostAsync(string.Join('\n', Enumerable.Repeat(Event, 11)), "application/x-ndjson");

        await ReadEndpointsTests.AssertProblemAsync(response, HttpStatusCode.BadRequest);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Post_BodyTooLarge_Is413(bool chunked)
    {
        using var response = await PostAsync($$"""{"utteranceId":"{{new string('x', 70_000)}}"}""", chunked: chunked);

        await ReadEndpointsTests.AssertProblemAsync(response, HttpStatusCode.RequestEntityTooLarge);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    public async Task Post_ContentTypeThatAForeignPageCouldSend_Is415(string contentType)
    {
        using var response = await PostAsync(Event, contentType);

        var problem = await ReadEndpointsTests.AssertProblemAsync(response, HttpStatusCode.UnsupportedMediaType);
        Assert.Contains("content-type: application/json", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_BrokenChunk_IsAnsweredWithItsStatus()
    {
        using var client = new TcpClient();
        await client.ConnectAsync(fixture.Gateway.Address.Host, fixture.Gateway.Address.Port, Cancelled);
        const string Request = "POST /v1/conversations/c/utterances HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(Request), Cancelled);

        using var reader = new StreamReader(stream);
        var response = await reader.ReadToEndAsync(Cancelled);

        Assert.StartsWith("HTTP/1.1 400 ", response, StringComparison.Ordinal);
        Assert.Contains("The body is malformed", response, StringComparison.Ordinal);
    }

    private async Task<HttpResponseMessage> PostAsync(string body, string contentType = "application/json", bool chunked = false)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/conversations/acme%2Fstandup/utterances");
        request.Content = new StringContent(body, Encoding.UTF8, contentType);
        request.Headers.TransferEncodingChunked = chunked;
        return await fixture.Gateway.Http.SendAsync(request, Cancelled);
    }
}
