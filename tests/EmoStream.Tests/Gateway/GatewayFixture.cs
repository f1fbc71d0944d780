using EmoStream.Cli.Up;
using EmoStream.Testing.Gateway;

namespace EmoStream.Tests.Gateway;

/// <summary>One embedded Redis and one open gateway for the tests that need no settings of their own; Kafka is away.</summary>
public sealed class GatewayFixture : IAsyncLifetime
{
    private readonly EmbeddedRedis _redis = EmbeddedRedis.Start();

    public GatewayHost Gateway { get; private set; } = null!;

    public string Redis => _redis.ConnectionString;

    /// <summary>Another gateway on the same Redis.</summary>
    public Task<GatewayHost> StartAsync(params (string Key, string? Value)[] settings) =>
        GatewayHost.StartAsync(Redis, settings: settings.ToDictionary(setting => setting.Key, setting => setting.Value));

    public async ValueTask InitializeAsync() => Gateway = await StartAsync(
        ("EmoStream:Gateway:DeliveryTimeout", "00:00:00.300"),
        ("EmoStream:Gateway:MaxBodyBytes", "65536"),
        ("EmoStream:Gateway:MaxPageSize", "3"),
        ("EmoStream:Gateway:MaxEvents", "10"));

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        _redis.Dispose();
    }
}
