using System.Diagnostics.Metrics;
using EmoStream.Cli.Up;
using EmoStream.Contracts;
using EmoStream.Timeline;
using EmoStream.Timeline.Commit;
using Microsoft.Extensions.Hosting;

namespace EmoStream.IntegrationTests.Timeline;

/// <summary>How a host with a timeline starts on servers that are fit, unfit and absent, and what it measures.</summary>
public sealed class RedisStartTests
{
    [Fact]
    public async Task Start_FitServer_Starts()
    {
        using var garnet = EmbeddedRedis.Start();
        using var host = Build(garnet.ConnectionString);

        await host.StartAsync(TestContext.Current.CancellationToken);

        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Start_ServerWithoutAtomicScripts_FailsAndSaysWhatToDo()
    {
        using var garnet = new UnfitGarnet("--lua");
        using var host = Build(garnet.ConnectionString);

        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => host.StartAsync(TestContext.Current.CancellationToken));

        Assert.Contains("--lua-transaction-mode", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_ServerNotThereYet_StartsAllTheSame()
    {
        using var host = Build("127.0.0.1:1,connectTimeout=200");

        await host.StartAsync(TestContext.Current.CancellationToken);

        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Commit_Measured_DurationEntriesAndRefusals()
    {
        using var garnet = EmbeddedRedis.Start();
        await using var client = new TimelineClient(garnet.ConnectionString);
        var measured = new System.Collections.Concurrent.ConcurrentBag<(string Name, double Value, string? Reason)>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == TimelineMetrics.MeterName)
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => measured.Add((instrument.Name, value, Reason(tags))));
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => measured.Add((instrument.Name, value, Reason(tags))));
        listener.Start();
        var conversation = new Conversation(client.Store);
        await conversation.OpenAsync();

        await conversation.CommitAsync(Enumerable.Range(0, 37).Select(i => $"u{i}"));
        var late = conversation.Prepare("u1");
        await client.Store.OpenAsync(conversation.Id);
        Assert.Equal(CommitResult.Stale, await conversation.SendAsync(late));

        // Other tests of this process measure too, so only what must be among it is asked for.
        Assert.Contains(("emostream.timeline.commit.entries", 37d, null), measured);
        Assert.Contains(("emostream.timeline.commit.refused", 1d, "stale"), measured);
        Assert.Contains(measured, one => one.Name == "emostream.timeline.commit.duration" && one.Value is > 0 and < 60);
    }

    private static string? Reason(ReadOnlySpan<KeyValuePair<string, object?>> tags) => tags.IsEmpty ? null : (string?)tags[0].Value;

    private static IHost Build(string connectionString)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration[$"ConnectionStrings:{Names.Redis}"] = connectionString;
        builder.Services.AddTimeline();
        return builder.Build();
    }
}
