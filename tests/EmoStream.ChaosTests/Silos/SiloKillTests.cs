using EmoStream.Testing.Cluster;
using EmoStream.Testing.Kafka;

namespace EmoStream.ChaosTests.Silos;

/// <summary>Silos die, freeze or stop in the middle of the work: the timelines end up as if nothing had happened.</summary>
public sealed class SiloKillTests(KafkaFixture kafka)
{
    [Theory]
    [InlineData(11)]
    [InlineData(42)]
    public async Task Kill_OnlySiloThenRestart_SameTimelines(int seed)
    {
        await using var run = await StartAsync();
        var silo = await run.Cluster.StartSiloAsync();
        var undisturbed = new Undisturbed(run, seed);
        await undisturbed.ReachMiddleAsync();

        await silo.KillAsync();
        await undisturbed.AssertInterruptedAsync();
        await run.Cluster.StartSiloAsync();

        await undisturbed.FinishAsync();
        await undisturbed.AssertSameTimelinesAsync();
    }

    [Fact]
    public async Task Kill_OneOfTwoSilos_OtherTakesOver()
    {
        await using var run = await StartAsync();
        var first = await run.Cluster.StartSiloAsync();
        await run.Cluster.StartSiloAsync();
        var undisturbed = new Undisturbed(run, seed: 7);
        await undisturbed.ReachMiddleAsync();

        await first.KillAsync();
        await undisturbed.AssertInterruptedAsync();

        await undisturbed.FinishAsync();
        await undisturbed.AssertSameTimelinesAsync();
    }

    [Fact]
    public async Task Freeze_OneOfTwoSilosAndThaw_SameTimelines()
    {
        await using var run = await StartAsync();
        var first = await run.Cluster.StartSiloAsync();
        await run.Cluster.StartSiloAsync();
        var undisturbed = new Undisturbed(run, seed: 5);
        await undisturbed.ReachMiddleAsync();

        first.Freeze();
        // Records in its partitions too: they are only taken once the others have declared it dead.
        await undisturbed.SendMoreAsync();
        await undisturbed.FinishAsync();
        first.Thaw();
        // It learns that it counts as dead, and ends; until then it may try to write.
        await first.EndedAsync();

        await undisturbed.AssertSameTimelinesAsync();
    }

    [Fact]
    public async Task Stop_OnlySiloThenStart_SameTimelines()
    {
        await using var run = await StartAsync();
        var silo = await run.Cluster.StartSiloAsync();
        var undisturbed = new Undisturbed(run, seed: 3);
        await undisturbed.ReachMiddleAsync();

        Assert.Equal(0, await silo.StopAsync());
        await run.Cluster.StartSiloAsync();

        await undisturbed.FinishAsync();
        await undisturbed.AssertSameTimelinesAsync();
    }

    private async Task<PipelineRun> StartAsync()
    {
        Assert.SkipUnless(PipelineRun.Unavailable is null, PipelineRun.Unavailable ?? "");
        return await PipelineRun.StartAsync(await kafka.BrokerAsync());
    }
}
