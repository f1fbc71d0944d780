using EmoStream.Streaming.Kafka.Ownership;
using EmoStream.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <content>Two readers of one partition: the second takes it by force while the first still reads.</content>
public sealed partial class RewindTests
{
    [Fact, Trait(Conformance.List, Conformance.Ownership)]
    public async Task Superseded_LaterOwnerHolds_WaitsHoweverLongAndGoesOnBehindIt()
    {
        await using var silo = await SiloAsync();
        var positions = new Positions { Offset = 0 };
        await using var first = await RunAsync(positions, records: 6, Impatient, holders: silo.Services.GetRequiredService<PartitionHolders>());
        first.Start();
        await first.TakeAsync(6);
        await using var second = first.Rival();
        second.Start();
        await second.TakeAsync(6);
        await Eventually.TrueAsync(() => positions.Refusals > 0, () => "the first one learns of it");

        second.Complete(0, 1, 2);
        // Idle notes: not more than one in a tick of the reader, which is as long as the hand-over's time-out.
        var notes = positions.Notes;
        await Eventually.TrueAsync(() => positions.Notes >= notes + 20, () => $"{positions.Notes - notes} notes of the second one");

        Assert.Equal((2, 1), (positions.Claims, positions.Refusals));

        await second.StopAsync();
        Assert.Equal([3L, 4, 5], await first.TakeAsync(3));
        Assert.Equal(3, positions.Claims);
    }

    [Fact, Trait(Conformance.List, Conformance.Ownership)]
    public async Task Superseded_TakesItsPositionAnewBeforeItLearns_DoesNotTakeItBack()
    {
        await using var silo = await SiloAsync();
        var positions = new Positions { Offset = 0 };
        // The first one notes nothing meanwhile: nothing of it is done, and it is not asked to look.
        await using var first = await RunAsync(positions, records: 6,
            options => (options.HandoverTimeout, options.TopicCheckInterval) = (TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1)),
            holders: silo.Services.GetRequiredService<PartitionHolders>());
        first.Start();
        await first.TakeAsync(6);
        await using var second = first.Rival();
        second.Start();
        await second.TakeAsync(6);

        positions.Lose(0);

        await second.TakeAsync(6);
        await Eventually.TrueAsync(() => positions.Denials > 0, () => "the first one learns of it");
        second.Complete(0, 1, 2);
        await second.CommittedAsync(3);
        Assert.Equal((3, 1, 0), (positions.Claims, positions.Denials, positions.Refusals));

        await second.StopAsync();
        Assert.Equal([3L, 4, 5], await first.TakeAsync(3));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Superseded_StoppedWhileTheLaterOwnerHolds_EndsAtOnce(bool abandoned)
    {
        await using var silo = await SiloAsync();
        var positions = new Positions { Offset = 0 };
        await using var first = await RunAsync(positions, records: 1, Impatient, holders: silo.Services.GetRequiredService<PartitionHolders>());
        first.Start();
        await first.TakeAsync(1);
        await using var second = first.Rival();
        second.Start();
        await second.TakeAsync(1);
        await Eventually.TrueAsync(() => positions.Refusals > 0, () => "the first one learns of it");

        // Either has a time-out, and would have left the thread behind after it.
        await (abandoned ? first.AbandonAsync() : first.StopAsync());

        Assert.True(first.IsEnded, "the thread waits");
        Assert.Equal(2, positions.Claims);
    }

    [Fact, Trait(Conformance.List, Conformance.Ownership)]
    public async Task Parked_ByTheFormerOwnerWhileTheNextOneClaims_IsParkedForTheNextOne()
    {
        await using var silo = await SiloAsync();
        var positions = new Positions { Offset = 0 };
        await using var first = await RunAsync(positions, records: 6, Impatient, holders: silo.Services.GetRequiredService<PartitionHolders>());
        first.Start();
        await first.TakeAsync(6);
        var claimable = new TaskCompletionSource();
        positions.Claimable = claimable.Task;
        await using var second = first.Rival();
        second.Start();
        await Eventually.TrueAsync(() => positions.Asked == 2, () => "the second one claims");

        // The first one gives event 3 up, and has said so before its position passes that.
        await first.ParkAsync(StreamId.Create(ProbeAdapter.Namespace, "s"), 3);
        first.Complete(0, 1, 2, 3);
        await Eventually.TrueAsync(() => positions.Offset == 4, () => $"noted offset {positions.Offset}");
        claimable.SetResult();

        Assert.Equal([4L, 5], await second.TakeAsync(2));
        Assert.True(second.Parking.IsParked(StreamId.Create(ProbeAdapter.Namespace, "s")), "an event behind the one that was given up is delivered");
    }

    private static void Impatient(EmoStream.Streaming.Kafka.KafkaStreamOptions options) =>
        (options.HandoverTimeout, options.TopicCheckInterval) = (TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(10));

    /// <summary>Its own provider is another one; it knows who holds what of the test's.</summary>
    private async Task<ProbeHost> SiloAsync() =>
        await ProbeHost.StartAsync((await kafka.BrokerAsync()).BootstrapServers, await kafka.CreateTopicAsync());
}
