using EmoStream.Contracts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace EmoStream.Timeline.Connect;

/// <summary>
/// Probes Redis before the host starts to work and stops the start when the server cannot be used. A server that is not
/// there yet is no reason to stop: it is probed once it comes.
/// </summary>
internal sealed partial class RedisProbeService(
    [FromKeyedServices(Names.Redis)] IConnectionMultiplexer redis, ILogger<RedisProbeService> logger) : IHostedLifecycleService
{
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        if (redis.IsConnected)
        {
            try
            {
                var found = await RedisProbe.RunAsync(redis).WaitAsync(cancellationToken);
                LogFound(found.Server, found.Version);
                if (found.Problem is { } problem)
                {
                    throw new InvalidOperationException(problem);
                }

                return;
            }
            catch (Exception exception) when (exception is RedisConnectionException or TimeoutException)
            {
                // Gone again: as if it had not been there.
            }
        }

        LogNotThere();
        redis.ConnectionRestored += OnConnectionRestored;
    }

    private async void OnConnectionRestored(object? sender, ConnectionFailedEventArgs arguments)
    {
        if (arguments.ConnectionType != ConnectionType.Interactive)
        {
            return;
        }

        try
        {
            var found = await RedisProbe.RunAsync(redis);
            redis.ConnectionRestored -= OnConnectionRestored;
            LogFound(found.Server, found.Version);
            if (found.Problem is { } problem)
            {
                LogUnusable(problem);
            }
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException or ObjectDisposedException)
        {
            // The next restored connection tries again.
        }
    }

    public Task StoppedAsync(CancellationToken cancellationToken)
    {
        redis.ConnectionRestored -= OnConnectionRestored;
        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(LogLevel.Information, "Timelines are kept in {Server} {Version}.")]
    private partial void LogFound(string server, string version);

    [LoggerMessage(LogLevel.Warning, "Redis does not answer yet; work starts when it does.")]
    private partial void LogNotThere();

    [LoggerMessage(LogLevel.Critical, "Timelines cannot be kept: {Problem}")]
    private partial void LogUnusable(string problem);
}
