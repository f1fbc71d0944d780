using Confluent.Kafka;
using EmoStream.Testing;
using EmoStream.Testing.Cluster;
using EmoStream.Testing.Kafka;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>An outage of what all conversations share is not the fault of their utterances.</summary>
public sealed class PoisonOutageTests(KafkaFixture kafka)
{
    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(6);

    [Fact]
    public async Task Redis_AwayAHundredTimesLongerThanTheRetries_NothingDeadLetteredAndNothingLost()
    {
        Assert.SkipUnless(PipelineRun.Unavailable is null, PipelineRun.Unavailable ?? "");
        var broker = await kafka.BrokerAsync();
        await using var run = await PipelineRun.StartAsync(broker);
        for (var i = 0; i < 3; i++)
        {
            // The default schedule takes 45 s; this one gives an event up after 60 ms.
            run.Cluster.Environment[$"Orleans__Streaming__Kafka__RetryDelays__{i}"] = "00:00:00.020";
        }
        await run.Cluster.StartSiloAsync();
        var undisturbed = new Undisturbed(run, seed: 41);
        await undisturbed.ReachMiddleAsync();

        await run.Redis.KillAsync();
        // The length of the outage is what the test is about; nothing is waited for.
        using (var length = new PeriodicTimer(Outage))
        {
            await length.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
        await undisturbed.SendMoreAsync();
        await run.Redis.RestartAsync();

        await undisturbed.FinishAsync();
        await undisturbed.AssertSameTimelinesAsync();
        using var consumer = new ConsumerBuilder<Ignore, Ignore>(new ConsumerConfig { BootstrapServers = broker.BootstrapServers, GroupId = "reader" }).Build();
        Assert.Equal(0, consumer.QueryWatermarkOffsets(new TopicPartition(run.Cluster.DeadLetterTopic, 0), Eventually.Timeout).High.Value);
    }
}
