using System.Net;
using EmoStream.Streaming.Kafka;
using EmoStream.Testing.Processes;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Streams;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>A silo in this process that reads a topic into <see cref="ProbeGrain"/>s.</summary>
public sealed class ProbeHost : IAsyncDisposable
{
    private readonly IHost _host;

    private readonly int _siloPort;

    private ProbeHost(IHost host, Probe probe, int siloPort) => (_host, Probe, _siloPort) = (host, probe, siloPort);

    public Probe Probe { get; }

    public IServiceProvider Services => _host.Services;

    public IStreamProvider Streams => _host.Services.GetRequiredKeyedService<IStreamProvider>("Kafka");

    public static async Task<ProbeHost> StartAsync(
        string servers,
        string topic,
        Probe? probe = null,
        Action<KafkaStreamOptions>? configure = null,
        CounterProbe? counter = null,
        ProbeHost? join = null,
        Action<KafkaStreamsBuilder>? streams = null,
        IReadOnlyDictionary<string, string?>? configuration = null,
        ILoggerProvider? logs = null)
    {
        probe ??= new Probe();
        var siloPort = FreePorts.Take(2);
        var builder = Host.CreateEmptyApplicationBuilder(null);
        // The provider is set up by configuration alone, as an operator does it.
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:kafka"] = servers,
            ["Orleans:Streaming:Kafka:ProviderType"] = "Kafka",
            ["Orleans:Streaming:Kafka:ServiceKey"] = "kafka",
            ["Orleans:Streaming:Kafka:Topic"] = topic,
            ["Orleans:Streaming:Kafka:DeadLetterTopic"] = topic + ".dlq",
            ["Orleans:Streaming:Kafka:ParkingTopic"] = topic + ".parked",
            ["Orleans:Streaming:Kafka:CommitInterval"] = "00:00:00.100",
        });
        builder.Configuration.AddInMemoryCollection(configuration);
        if (logs is not null)
        {
            builder.Logging.AddProvider(logs);
        }
        // Failing grains are the tests' business here, and Orleans reports each attempt.
        builder.Logging.AddSimpleConsole().SetMinimumLevel(LogLevel.Warning).AddFilter("Orleans", LogLevel.Critical);
        builder.Services.AddSingleton(probe);
        builder.Services.AddSingleton<KafkaDataAdapter, ProbeAdapter>();
        builder.UseOrleans(silo => silo
            .UseLocalhostClustering(siloPort, siloPort + 1, new IPEndPoint(IPAddress.Loopback, join?._siloPort ?? siloPort), topic, topic)
            .AddKafkaStreams("Kafka", kafka =>
            {
                kafka.Configure(options => configure?.Invoke(options));
                streams?.Invoke(kafka);
            }));
        var host = builder.Build();
        counter?.Listen(host.Services);
        await host.StartAsync(TestContext.Current.CancellationToken);
        return new ProbeHost(host, probe, siloPort);
    }

    /// <summary>SIGTERM's way.</summary>
    public Task StopAsync() => _host.StopAsync(CancellationToken.None);

    /// <summary>No time to finish anything.</summary>
    public Task KillAsync() => _host.StopAsync(new CancellationToken(canceled: true));

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync(CancellationToken.None);
        _host.Dispose();
    }
}
