using System.Net;
using System.Net.Http.Headers;
using System.Security.Claims;
using System.Security.Cryptography;
using EmoStream.Gateway.Access;
using EmoStream.Testing.Gateway;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace EmoStream.Tests.Gateway;

public sealed class AccessTests(GatewayFixture fixture) : IClassFixture<GatewayFixture>
{
    private const string Issuer = "test-issuer";
    private const string Audience = "emostream";

    private static readonly byte[] Key = RandomNumberGenerator.GetBytes(32);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/v1/conversations")]
    [InlineData("/v1/conversations/c/timeline")]
    [InlineData("/v1/conversations/c/follow")]
    [InlineData("/openapi/v1.json")]
    public async Task Get_WithoutToken_Is401(string path)
    {
        await using var gateway = await StartClosedAsync();
        using var response = await gateway.Http.GetAsync(path, HttpCompletionOption.ResponseHeadersRead, Cancelled);

        await ReadEndpointsTests.AssertProblemAsync(response, HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Post_WithoutToken_Is401()
    {
        await using var gateway = await StartClosedAsync();
        using var body = new StringContent("{}");
        using var response = await gateway.Http.PostAsync("/v1/conversations/c/utterances", body, Cancelled);

        await ReadEndpointsTests.AssertProblemAsync(response, HttpStatusCode.Unauthorized);
    }

    [Theory]
    [InlineData("/", HttpStatusCode.OK)]
    [InlineData("/js/main.js", HttpStatusCode.OK)]
    [InlineData("/favicon.svg", HttpStatusCode.OK)]
    [InlineData("/alive", HttpStatusCode.OK)]
    // Kafka is away in this test.
    [InlineData("/health", HttpStatusCode.ServiceUnavailable)]
    public async Task Get_PageAndHealth_NeedNoToken(string path, HttpStatusCode expected)
    {
        await using var gateway = await StartClosedAsync();
        using var response = await gateway.Http.GetAsync(path, Cancelled);

        Assert.Equal(expected, response.StatusCode);
    }

    [Theory]
    [InlineData(Issuer, Audience, true)]
    [InlineData("somebody", Audience, false)]
    [InlineData(Issuer, "something", false)]
    public async Task Get_WithToken_IsDecidedByIssuerAndAudience(string issuer, string audience, bool accepted)
    {
        await using var gateway = await StartClosedAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/conversations");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Token(issuer, audience, Key));
        using var response = await gateway.Http.SendAsync(request, Cancelled);

        Assert.Equal(accepted ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Fact]
    public async Task Get_TokenOfAnotherKey_Is401()
    {
        await using var gateway = await StartClosedAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/conversations");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Token(Issuer, Audience, RandomNumberGenerator.GetBytes(32)));
        using var response = await gateway.Http.SendAsync(request, Cancelled);

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Fact]
    public async Task Start_OpenToEverybodyOnAllAddresses_IsRefusedWithTheWayOut()
    {
        var refused = await Assert.ThrowsAsync<OptionsValidationException>(() => GatewayHost.StartAsync(fixture.Redis, urls: "http://0.0.0.0:0"));

        Assert.Contains("AllowAnonymous", refused.Message, StringComparison.Ordinal);
        Assert.Contains("Authentication:Schemes:Bearer", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://localhost:8080", true)]
    [InlineData("http://127.0.0.1:8080", true)]
    [InlineData("http://127.8.8.8:8080", true)]
    [InlineData("http://[::1]:8080", true)]
    [InlineData("http://0.0.0.0:8080", false)]
    [InlineData("http://[::]:8080", false)]
    [InlineData("http://*:8080", false)]
    [InlineData("http://+:8080", false)]
    [InlineData("http://192.168.1.2:8080", false)]
    [InlineData("http://localhost.example.com:8080", false)]
    public void IsLoopback_Address_IsDecided(string address, bool expected)
    {
        Assert.Equal(expected, LoopbackGuard.IsLoopback(address));
    }

    [Fact]
    public async Task Get_ForeignHostName_IsRefusedByAnOpenGateway()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/conversations");
        request.Headers.Host = "rebound.example.com";
        using var response = await fixture.Gateway.Http.SendAsync(request, Cancelled);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Fact]
    public async Task Start_WithoutKafkaAddress_SaysWhatToSet()
    {
        var refused = await Assert.ThrowsAsync<OptionsValidationException>(() => GatewayHost.StartAsync(fixture.Redis, kafka: ""));

        Assert.Contains("ConnectionStrings__kafka", refused.Message, StringComparison.Ordinal);
    }

    private Task<GatewayHost> StartClosedAsync() => fixture.StartAsync(
        ("EmoStream:Gateway:AllowAnonymous", "false"),
        ("Authentication:Schemes:Bearer:ValidIssuer", Issuer),
        ("Authentication:Schemes:Bearer:ValidAudiences:0", Audience),
        ("Authentication:Schemes:Bearer:SigningKeys:0:Issuer", Issuer),
        ("Authentication:Schemes:Bearer:SigningKeys:0:Value", Convert.ToBase64String(Key)));

    private static string Token(string issuer, string audience, byte[] key) => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Issuer = issuer,
        Audience = audience,
        Subject = new ClaimsIdentity([new Claim("sub", "tester")]),
        Expires = TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(5),
        SigningCredentials = new SigningCredentials(new SymmetricSecurityKey(key), SecurityAlgorithms.HmacSha256),
    });
}
