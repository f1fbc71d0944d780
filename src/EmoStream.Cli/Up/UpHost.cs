using System.Globalization;
using System.Net.Sockets;
using EmoStream.Client.Produce;
using EmoStream.Contracts;
using EmoStream.Gateway;
using EmoStream.Inference.Bundle;
using EmoStream.Silo.Hosting;
using EmoStream.Silo.Policy;
using EmoStream.Streaming.Kafka;
using Microsoft.Extensions.Options;

namespace EmoStream.Cli.Up;

/// <summary>Silo and gateway on one web application, configured as their own processes would be by the environment.</summary>
internal static class UpHost
{
    /// <summary>Starts it; the address is in <see cref="WebApplication.Urls"/>.</summary>
    /// <exception cref="UpException">Something that a person can mend keeps it from starting.</exception>
    public static async Task<WebApplication> StartAsync(UpSettings settings, EmbeddedServers servers)
    {
        try
        {
            return await LoopbackPort.UseAsync(siloPort => StartAsync(settings, servers, siloPort));
        }
        catch (Exception e) when (Explain(e, settings) is { } explained)
        {
            throw explained;
        }
    }

    /// <summary>Says at once, before the model is loaded, that the port is taken.</summary>
    public static void CheckPort(int port)
    {
        if (!LoopbackPort.IsFree(port))
        {
            throw PortTaken(port);
        }
    }

    private static async Task<WebApplication> StartAsync(UpSettings settings, EmbeddedServers servers, int siloPort)
    {
        WebApplication? app = null;
        try
        {
            app = Build(settings, servers, siloPort);
            // A start that is cut short leaves errors of half-started parts; it takes seconds, and is stopped in order then.
            await app.StartAsync(CancellationToken.None);
            return app;
        }
        catch
        {
            if (app is not null)
            {
                await app.DisposeAsync();
            }

            throw;
        }
    }

    private static WebApplication Build(UpSettings settings, EmbeddedServers servers, int siloPort)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.AddInMemoryCollection(Configuration(settings, servers, siloPort));
        builder.Logging.ClearProviders().AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        // What keeps the host from starting is explained below, once.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
        // Nothing is protected with these keys; and the watchdog takes the machine's uptime for a stall at its first look.
        builder.Logging.AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error);
        builder.Logging.AddFilter("Orleans.Runtime.Watchdog", LogLevel.Error);
        builder.Services.AddSingleton<IHostLifetime, CommandLifetime>();
        builder.WebHost.UseUrls(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{settings.Port}"));
        builder.AddSilo();
        if (servers.KafkaIsEmbedded)
        {
            // The mock cluster does not answer the admin protocol; its topics are there already. How to reach a real Kafka is
            // none of its business.
            builder.Services.PostConfigure<KafkaStreamOptions>(Names.StreamProvider, kafka =>
            {
                kafka.UseAdminRequests = false;
                kafka.ClientSettings.Clear();
            });
            builder.Services.PostConfigure<UtteranceProducerOptions>(producer => producer.Kafka.Clear());
        }

        builder.AddGateway();
        var app = builder.Build();
        app.MapGateway();
        return app;
    }

    private static Dictionary<string, string?> Configuration(UpSettings settings, EmbeddedServers servers, int siloPort)
    {
        var topics = KafkaEnvironment.Topics;
        var values = new Dictionary<string, string?>
        {
            [$"ConnectionStrings:{Names.Kafka}"] = servers.Kafka,
            [$"ConnectionStrings:{Names.Redis}"] = servers.Redis,
            ["EmoStream:Bundle"] = settings.Bundle,
            ["EmoStream:Policy"] = settings.Policy,
            ["EmoStream:Gateway:AllowAnonymous"] = "true",
            ["EmoStream:Topics:Utterances"] = topics.Utterances,
            ["EmoStream:Topics:DeadLetters"] = topics.DeadLetters,
        };
        if (Environment.GetEnvironmentVariable("Logging__LogLevel__Default") is null)
        {
            // The terminal shows the timeline: only what a person must know goes beside it.
            values["Logging:LogLevel:Default"] = "Warning";
        }

        if (Environment.GetEnvironmentVariable("Orleans__ServiceId") is null)
        {
            // It names the committed offsets: the same as in the other deployments, so that `up` goes on where they stopped.
            values["Orleans:ServiceId"] = "emostream";
        }

        if (Environment.GetEnvironmentVariable("Orleans__Clustering__ProviderType") is null)
        {
            // One silo that nobody joins: membership in memory, and ports that collide with no other.
            values["Orleans:Clustering:ProviderType"] = "Development";
            values["Orleans:Endpoints:AdvertisedIPAddress"] = "127.0.0.1";
            values["Orleans:Endpoints:SiloPort"] = siloPort.ToString(CultureInfo.InvariantCulture);
            values["Orleans:Endpoints:GatewayPort"] = "0";
        }

        return values;
    }

    private static UpException? Explain(Exception e, UpSettings settings) => e switch
    {
        BundleException => new UpException(e.Message, "Name a bundle with --bundle DIR or EmoStream__Bundle."),
        PolicyException => new UpException(e.Message, "Name a policy file with --policy FILE or EmoStream__Policy."),
        OptionsValidationException => new UpException(e.Message, "Correct the environment variables EmoStream__* and Orleans__*."),
        IOException { InnerException: SocketException or Microsoft.AspNetCore.Connections.AddressInUseException } => PortTaken(settings.Port),
        TimeoutException => new UpException(e.Message, "Try: emostream doctor --kafka HOST:PORT --redis HOST:PORT"),
        AggregateException { InnerExceptions: [var only] } => Explain(only, settings),
        _ => null,
    };

    private static UpException PortTaken(int port) => new(
        $"Port {port} on 127.0.0.1 is in use.",
        "Stop what listens there, or choose another with --port PORT (0 takes any free one).");

    /// <summary>The command line owns Ctrl+C: a second handler inside the host would stop the parts in another order.</summary>
    private sealed class CommandLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
