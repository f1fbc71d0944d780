using EmoStream.Contracts;
using EmoStream.Testing;
using EmoStream.Testing.Cluster;
using EmoStream.Testing.Kafka;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using StackExchange.Redis;

namespace EmoStream.IntegrationTests.Pipeline;

/// <summary>A conversation in which nobody speaks leaves the memory, and goes on from Redis as if it had stayed.</summary>
public sealed class IdleConversationTests(KafkaFixture kafka)
{
    [Fact]
    public async Task Idle_DeactivatesThenResumes_SameTimelineAsOneThatNeverPaused()
    {
        Assert.SkipUnless(PipelineRun.Unavailable is null, PipelineRun.Unavailable ?? "");
        await using var run = await PipelineRun.StartAsync(await kafka.BrokerAsync());
        run.Cluster.Environment["EmoStream__ConversationIdleTimeout"] = "00:00:02";
        await run.Cluster.StartSiloAsync();
        using var client = await ConnectAsync(run);
        var meeting = Meetings.Copies(1, seed: 1).ToList();

        await run.SendAsync(meeting.Take(meeting.Count / 2));
        await run.AppliedAsync();
        await Eventually.TrueAsync(async _ => await ActiveAsync(client) == 0, () => "the conversation leaves the memory");
        await run.SendAsync(meeting.Skip(meeting.Count / 2).Concat(Meetings.Copies(1, seed: 1, first: 1)));
        await run.AppliedAsync();

        var timelines = await run.TimelinesAsync();
        var unpaused = timelines.Single(timeline => timeline.ConversationId == Meetings.Id(1));
        run.Ledger.Expect(unpaused.Entries.Select(entry => entry with { ConversationId = Meetings.Id(0) }));
        run.Ledger.Compare(timelines).AssertClean();
    }

    private static async Task<long> ActiveAsync(IHost client) =>
        (await client.Services.GetRequiredService<IClusterClient>().GetGrain<IManagementGrain>(0).GetSimpleGrainStatistics())
            .Where(grain => grain.GrainType.Contains("ConversationGrain", StringComparison.Ordinal)).Sum(grain => (long)grain.ActivationCount);

    private static async Task<IHost> ConnectAsync(PipelineRun run)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Orleans:ClusterId"] = run.Cluster.Id,
            ["Orleans:ServiceId"] = "emostream",
            ["Orleans:Clustering:ProviderType"] = "Redis",
            ["Orleans:Clustering:ServiceKey"] = Names.Redis,
        });
        builder.Services.AddKeyedSingleton<IConnectionMultiplexer>(Names.Redis, await ConnectionMultiplexer.ConnectAsync(run.Redis.ConnectionString));
        builder.UseOrleansClient();
        var host = builder.Build();
        await host.StartAsync(TestContext.Current.CancellationToken);
        return host;
    }
}
