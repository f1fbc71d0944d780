using System.Collections.Concurrent;
using EmoStream.Testing;
using Microsoft.Extensions.Logging;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>Brokers that ask who is there, and that encrypt: all of it is configuration of the provider.</summary>
public sealed class SecurityTests(SecureKafka kafka) : IClassFixture<SecureKafka>
{
    private const string Settings = "Orleans:Streaming:Kafka:ClientSettings:";

    [Fact]
    public async Task Sasl_ScramUser_ReadsAndWrites() => await RoundTripAsync(await kafka.SaslAsync(), Sasl(SecureKafka.Password));

    [Fact]
    public async Task Tls_AuthorityIsKnown_ReadsAndWrites() => await RoundTripAsync(await kafka.TlsAsync(), new()
    {
        [Settings + "security.protocol"] = "SSL",
        [Settings + "ssl.ca.location"] = kafka.AuthorityFile,
    });

    [Fact]
    public async Task SaslOverTls_ScramUser_ReadsAndWrites() => await RoundTripAsync(
        await kafka.SaslTlsAsync(), new(Sasl(SecureKafka.Password))
        {
            [Settings + "security.protocol"] = "SASL_SSL",
            [Settings + "ssl.ca.location"] = kafka.AuthorityFile,
        });

    [Fact]
    public async Task Sasl_WrongPassword_StartSaysSoAndNobodyTellsThePassword()
    {
        const string wrong = "n0t-the-password";

        var (error, logs) = await FailAsync(await kafka.SaslAsync(), Sasl(wrong));

        Assert.Contains("Local_Authentication: the brokers refuse the credentials", error, StringComparison.Ordinal);
        Assert.Contains(logs, line => line.Contains("Local_Authentication", StringComparison.Ordinal));
        Assert.All([error, .. logs], text => Assert.DoesNotContain(wrong, text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Tls_AuthorityIsUnknown_StartSaysSo()
    {
        var (error, _) = await FailAsync(await kafka.TlsAsync(), new() { [Settings + "security.protocol"] = "SSL" });

        Assert.Contains("Local_Ssl: no TLS connection", error, StringComparison.Ordinal);
    }

    private static Dictionary<string, string?> Sasl(string password) => new()
    {
        [Settings + "security.protocol"] = "SASL_PLAINTEXT",
        [Settings + "sasl.mechanism"] = "SCRAM-SHA-512",
        [Settings + "sasl.username"] = SecureKafka.User,
        [Settings + "sasl.password"] = password,
    };

    private static async Task RoundTripAsync(string servers, Dictionary<string, string?> settings)
    {
        // Creates its topics, reads, writes, dead-letters and commits: every client of the provider.
        var topic = $"test-{Guid.NewGuid():N}";
        await using var host = await ProbeHost.StartAsync(servers, topic, configuration: settings);
        using var meters = new MeterProbe(host.Services);
        var stream = host.Streams.GetStream<string>(StreamId.Create(ProbeAdapter.Namespace, "s"));
        await stream.OnNextAsync("bad:letter");
        await stream.OnNextAsync("v");

        await host.Probe.Until(p => p.Count == 1);
        await Eventually.TrueAsync(() => meters.CountOf("emostream.kafka.records.dead_lettered") == 1, () => "the dead letter is acknowledged");
    }

    private static async Task<(string Error, IReadOnlyCollection<string> Logs)> FailAsync(string servers, Dictionary<string, string?> settings)
    {
        using var logs = new Lines();
        var error = await Assert.ThrowsAnyAsync<Exception>(() => ProbeHost.StartAsync(
            servers,
            $"test-{Guid.NewGuid():N}",
            configure: options => options.StartTimeout = TimeSpan.FromSeconds(3),
            configuration: settings,
            logs: logs));
        return (error.ToString(), logs.Written);
    }

    private sealed class Lines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Written { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Written.Enqueue($"{formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
