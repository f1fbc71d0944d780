using EmoStream.Testing.Cluster;
using EmoStream.Testing.Kafka;

namespace EmoStream.ChaosTests.Servers;

/// <summary>Kafka or Redis die under the silo and come back on their data: nothing is lost, nothing is written twice.</summary>
public sealed class ServerKillTests(KafkaFixture kafka)
{
    [Fact]
    public async Task Kill_RedisThenRestart_SameTimelines()
    {
        Assert.SkipUnless(PipelineRun.Unavailable is null, PipelineRun.Unavailable ?? "");
        await using var run = await PipelineRun.StartAsync(await kafka.BrokerAsync());
        await run.Cluster.StartSiloAsync();
        var undisturbed = new Undisturbed(run, seed: 23);
        await undisturbed.ReachMiddleAsync();

        await run.Redis.KillAsync();
        await run.Redis.RestartAsync();

        await undisturbed.FinishAsync();
        await undisturbed.AssertSameTimelinesAsync();
    }

    [Fact]
    public async Task Kill_KafkaThenRestart_SameTimelines()
    {
        Assert.SkipUnless(PipelineRun.Unavailable is null, PipelineRun.Unavailable ?? "");
        Assert.SkipUnless(KafkaBroker.Unkillable is null, KafkaBroker.Unkillable ?? "");
        await using var broker = await KafkaBroker.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        await using var run = await PipelineRun.StartAsync(broker);
        await run.Cluster.StartSiloAsync();
        var undisturbed = new Undisturbed(run, seed: 31);
        await undisturbed.ReachMiddleAsync();

        await broker.KillAsync();
        await undisturbed.AssertInterruptedAsync();
        await broker.RestartAsync(TestContext.Current.CancellationToken);

        await undisturbed.FinishAsync();
        await undisturbed.AssertSameTimelinesAsync();
    }
}
