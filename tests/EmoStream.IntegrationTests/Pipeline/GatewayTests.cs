using System.Text;
using System.Text.Json;
using EmoStream.Client.Read;
using EmoStream.Contracts;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Timeline;
using EmoStream.Testing.Cluster;
using EmoStream.Testing.Kafka;
using Microsoft.Extensions.Options;

namespace EmoStream.IntegrationTests.Pipeline;

/// <summary>From an HTTP POST through Kafka, silo and Redis back to HTTP, every program in a process of its own.</summary>
public sealed class GatewayTests(KafkaFixture kafka)
{
    [Fact]
    public async Task Post_Meeting_FollowersSeeItScoredAndLogsKeepItToThemselves()
    {
        Assert.SkipUnless(PipelineRun.Unavailable is null, PipelineRun.Unavailable ?? "");
        await using var run = await PipelineRun.StartAsync(await kafka.BrokerAsync());
        var silo = await run.Cluster.StartSiloAsync();
        var gateway = await run.Cluster.StartGatewayAsync();
        var events = Meetings.Sample.Where(sent => sent.Kind == UtteranceKind.Utterance).ToArray();
        var conversation = events[0].ConversationId;
        using var http = new HttpClient { BaseAddress = gateway.Address };
        var client = new TimelineClient(http, Options.Create(new TimelineClientOptions { BaseAddress = gateway.Address }));

        var body = $"[{string.Join(',', events.Select(sent => JsonSerializer.Serialize(sent, ContractsJson.Default.UtteranceEvent)))}]";
        using (var content = new StringContent(body, Encoding.UTF8, "application/json"))
        using (var response = await http.PostAsync(new Uri($"v1/conversations/{conversation}/utterances", UriKind.Relative), content, TestContext.Current.CancellationToken))
        {
            Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }

        var followed = new List<TimelineEntry>();
        await foreach (var entry in client.FollowAsync(conversation, 0, TestContext.Current.CancellationToken))
        {
            followed.Add(entry);
            if (followed.Count == events.Length)
            {
                break;
            }
        }

        var timeline = await client.GetTimelineAsync(conversation, TestContext.Current.CancellationToken);
        Assert.Equal(events.Select(sent => sent.UtteranceId), timeline!.Entries.Select(entry => entry.UtteranceId));
        Assert.Equal(timeline.Entries.Select(entry => entry.Label), followed.OrderBy(entry => entry.Sequence).Select(entry => entry.Label));

        Assert.Equal(0, await gateway.StopAsync());
        Assert.Equal(0, await silo.StopAsync());
        string[] secrets = [conversation, .. events.Select(sent => sent.Text!), .. events.Select(sent => sent.Speaker!.DisplayName!).Distinct()];
        Assert.All(new[] { gateway.ReadLog(), silo.ReadLog() }, log =>
        {
            Assert.NotEmpty(log);
            Assert.DoesNotContain(secrets, secret => log.Contains(secret, StringComparison.Ordinal));
        });
    }
}
