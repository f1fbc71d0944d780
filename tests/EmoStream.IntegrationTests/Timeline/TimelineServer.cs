using EmoStream.Contracts;
using EmoStream.Timeline;
using EmoStream.Timeline.Commit;
using EmoStream.Timeline.Incarnation;
using EmoStream.Timeline.Read;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace EmoStream.IntegrationTests.Timeline;

/// <summary>A server for the conformance suite: started once per test class, or the reason why it cannot be.</summary>
public abstract class TimelineServer : IAsyncLifetime
{
    /// <summary>Why the suite is skipped; null when the server runs.</summary>
    public string? Missing { get; protected set; }

    public string ConnectionString { get; protected set; } = "";

    public abstract ValueTask InitializeAsync();

    public abstract ValueTask DisposeAsync();
}

/// <summary>One process' view of a server: everything as <c>AddTimeline</c> registers it.</summary>
public sealed class TimelineClient : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    public TimelineClient(string connectionString, TimeProvider? timeProvider = null)
    {
        var services = new ServiceCollection()
            .AddLogging()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder()
                .AddInMemoryCollection([new($"ConnectionStrings:{Names.Redis}", connectionString)]).Build());
        if (timeProvider is not null)
        {
            services.AddSingleton(timeProvider);
        }

        _services = services.AddTimeline().BuildServiceProvider();
    }

    public IConnectionMultiplexer Redis => _services.GetRequiredKeyedService<IConnectionMultiplexer>(Names.Redis);

    public IDatabase Database => Redis.GetDatabase();

    public TimelineStore Store => _services.GetRequiredService<TimelineStore>();

    public Watermarks Watermarks => _services.GetRequiredService<Watermarks>();

    public TimelineReader Reader => _services.GetRequiredService<TimelineReader>();

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
