using EmoStream.Streaming.Kafka;
using EmoStream.Tests.ServiceDefaults;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EmoStream.Tests.Streaming.Kafka;

public sealed class PullingAgentsTests
{
    [Fact]
    public void AddCurrent_OutsideOfAnAgent_WarnsOnce()
    {
        using var logs = new CapturedLogs();
        using var services = new ServiceCollection().AddSingleton<IGrainContextAccessor, Nobody>().AddLogging(b => b.AddProvider(logs)).BuildServiceProvider();
        var agents = ActivatorUtilities.CreateInstance<PullingAgents>(services);

        agents.AddCurrent();
        agents.AddCurrent();

        Assert.Contains("Warning", Assert.Single(logs.Lines), StringComparison.Ordinal);
    }

    private sealed class Nobody : IGrainContextAccessor
    {
        public IGrainContext GrainContext => null!;
    }
}
