using System.Net;
using EmoStream.Streaming.Kafka.Ownership;
using EmoStream.Testing.Processes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>What counts as holding a partition when a silo is asked.</summary>
public sealed class PartitionHoldersTests(EmoStream.Testing.Kafka.KafkaFixture kafka)
{
    [Fact, Trait(Conformance.List, Conformance.Ownership)]
    public async Task HoldsAsync_NoConnectionComesAbout_CountsAsHeld()
    {
        await using var silo = await ProbeHost.StartAsync((await kafka.BrokerAsync()).BootstrapServers, await kafka.CreateTopicAsync());
        var holders = silo.Services.GetRequiredService<PartitionHolders>();
        var nobody = SiloAddress.New(new IPEndPoint(IPAddress.Loopback, FreePorts.Take(1)), 1);

        Assert.True(await holders.HoldsAsync(nobody, "Kafka", 0));
    }

    [Fact, Trait(Conformance.List, Conformance.Ownership)]
    public async Task HoldsAsync_SiloWithoutTheProvider_DoesNot()
    {
        var topic = await kafka.CreateTopicAsync();
        await using var silo = await ProbeHost.StartAsync((await kafka.BrokerAsync()).BootstrapServers, topic);
        var holders = silo.Services.GetRequiredService<PartitionHolders>();
        var port = FreePorts.Take(2);
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.UseOrleans(without => without.UseLocalhostClustering(
            port, port + 1, silo.Services.GetRequiredService<ILocalSiloDetails>().SiloAddress.Endpoint, topic, topic));
        using var other = builder.Build();
        await other.StartAsync(TestContext.Current.CancellationToken);

        Assert.False(await holders.HoldsAsync(other.Services.GetRequiredService<ILocalSiloDetails>().SiloAddress, "Kafka", 0));

        await other.StopAsync(TestContext.Current.CancellationToken);
    }
}
