using System.Net;
using EmoStream.Streaming.Kafka.Ownership;
using EmoStream.Testing.Processes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Runtime.Services;

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
        await JoinAsync(silo.Services, nobody);

        // The exception of a silo without the provider, too.
        await Assert.ThrowsAsync<OrleansMessageRejectionException>(() => new Question(silo.Services).AskAsync(nobody));
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

    /// <summary>A member that is taken for alive, until probes have failed for some time.</summary>
    private static async Task JoinAsync(IServiceProvider services, SiloAddress silo)
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var table = services.GetRequiredService<IMembershipTable>();
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        var member = new MembershipEntry
        {
            SiloAddress = silo,
            Status = SiloStatus.Active,
            HostName = "nobody",
            SiloName = "nobody",
            StartTime = now,
            IAmAliveTime = now,
        };
        Assert.True(await table.InsertRowAsync(member, (await table.ReadAllAsync(cancellationToken)).Version.Next(), cancellationToken));
        var membership = services.GetRequiredService<IClusterMembershipService>();
        await membership.Refresh();
        Assert.Equal(SiloStatus.Active, membership.CurrentSnapshot.GetSiloStatus(silo));
    }

    private sealed class Question(IServiceProvider services) : GrainServiceClient<IPartitionHolder>(services)
    {
        public Task<bool> AskAsync(SiloAddress silo) => GetGrainService(silo).HoldsAsync("Kafka", 0).AsTask();
    }
}
