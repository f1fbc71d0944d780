using EmoStream.Contracts;
using Microsoft.Extensions.Configuration;
using StackExchange.Redis;

namespace EmoStream.Timeline.Connect;

/// <summary>Connects to Redis as <c>ConnectionStrings:redis</c> says.</summary>
internal static class RedisConnection
{
    public static ConnectionMultiplexer Connect(IConfiguration configuration) => ConnectionMultiplexer.Connect(Options(configuration));

    public static ConfigurationOptions Options(IConfiguration configuration)
    {
        var connectionString = configuration.GetConnectionString(Names.Redis);
        if (string.IsNullOrWhiteSpace(connectionString))
        {
            throw new InvalidOperationException(
                $"No connection string for Redis: set ConnectionStrings__{Names.Redis}, for example to localhost:6379.");
        }

        ConfigurationOptions options;
        try
        {
            options = ConfigurationOptions.Parse(connectionString);
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            // Neither the text nor the parser's message, which quotes it, goes on: it may hold a password.
            throw Malformed();
        }

        if (options.EndPoints.Count == 0)
        {
            throw Malformed();
        }

        // Redis may start after us and go away for a while: the connection is kept up in the background.
        options.AbortOnConnectFail = false;
        options.ReconnectRetryPolicy = new LinearRetry(500); // By default it backs off to a minute, long after a fail-over is done.

        // Exceptions would quote commands with their keys, which hold conversation ids.
        options.IncludeDetailInExceptions = false;
        return options;
    }

    private static InvalidOperationException Malformed() => new(
        $"The connection string for Redis (ConnectionStrings__{Names.Redis}) is malformed: expected host:port[,host:port][,option=value], for example redis:6379,password=...,ssl=true.");
}
