using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;

namespace EmoStream.Gateway.Access;

/// <summary>Stops the start of a gateway that is open to everybody and can be reached from other machines.</summary>
internal sealed partial class LoopbackGuard(IServer server, IOptions<GatewayOptions> options, ILogger<LoopbackGuard> logger) : IHostedLifecycleService
{
    /// <summary>Runs once the server has bound its addresses, whatever they were configured by.</summary>
    public Task StartedAsync(CancellationToken cancellationToken)
    {
        if (!options.Value.AllowAnonymous)
        {
            return Task.CompletedTask;
        }

        foreach (var address in server.Features.Get<IServerAddressesFeature>()?.Addresses ?? [])
        {
            if (!IsLoopback(address))
            {
                throw new OptionsValidationException(GatewayOptions.Section, typeof(GatewayOptions), [
                    $"EmoStream:Gateway:AllowAnonymous is set, but the gateway listens on {address}, which other machines can reach. " +
                    "Listen on a loopback address (http://localhost:PORT), or configure Authentication:Schemes:Bearer and leave AllowAnonymous out."]);
            }
        }

        LogOpen(logger);
        return Task.CompletedTask;
    }

    internal static bool IsLoopback(string address)
    {
        var host = BindingAddress.Parse(address).Host;
        return host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(Level = LogLevel.Warning, Message = "The gateway asks nobody for a token: everybody on this machine can read and post.")]
    private static partial void LogOpen(ILogger logger);
}
