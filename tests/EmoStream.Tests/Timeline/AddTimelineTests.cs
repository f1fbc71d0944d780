using EmoStream.Contracts;
using EmoStream.Timeline;
using EmoStream.Timeline.Commit;
using EmoStream.Timeline.Read;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace EmoStream.Tests.Timeline;

public sealed class AddTimelineTests
{
    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("  ")]
    public void Resolve_NoConnectionString_SaysWhichOneIsMissing(string? connectionString)
    {
        var exception = Assert.Throws<InvalidOperationException>(() => Resolve(connectionString));

        Assert.Contains("ConnectionStrings__redis", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("localhost:6379,password=hunter2,unknownOption=1")]
    [InlineData("localhost:6379,password=hunter2,ssl=perhaps")]
    [InlineData("password=hunter2")]
    [InlineData("localhost:6379,hunter2=")]
    public void Resolve_MalformedConnectionString_SaysSoWithoutQuotingIt(string connectionString)
    {
        var exception = Assert.Throws<InvalidOperationException>(() => Resolve(connectionString));

        Assert.Contains("ConnectionStrings__redis", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", exception.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Resolve_ServerNotThere_GivesAConnectionThatKeepsTrying()
    {
        using var services = Services("127.0.0.1:1,connectTimeout=200");

        Assert.False(services.GetRequiredKeyedService<IConnectionMultiplexer>(Names.Redis).IsConnected);
        Assert.NotNull(services.GetRequiredService<TimelineStore>());
    }

    [Fact]
    public void Add_Twice_RegistersOnce()
    {
        var services = new ServiceCollection().AddTimeline().AddTimeline();

        Assert.Single(services, service => service.ServiceType == typeof(TimelineStore));
        Assert.Single(services, service => service.ServiceType == typeof(TimelineReader));
        Assert.Single(services, service => service.ServiceType == typeof(Microsoft.Extensions.Hosting.IHostedService));
    }

    private static IConnectionMultiplexer Resolve(string? connectionString)
    {
        using var services = Services(connectionString);
        return services.GetRequiredKeyedService<IConnectionMultiplexer>(Names.Redis);
    }

    private static ServiceProvider Services(string? connectionString) => new ServiceCollection()
        .AddLogging()
        .AddSingleton<IConfiguration>(new ConfigurationBuilder()
            .AddInMemoryCollection([new($"ConnectionStrings:{Names.Redis}", connectionString)]).Build())
        .AddTimeline()
        .BuildServiceProvider();
}
