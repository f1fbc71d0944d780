using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using EmoStream.Contracts;
using EmoStream.Contracts.Events;
using EmoStream.Testing;
using EmoStream.Testing.Gateway;
using EmoStream.Testing.Kafka;
using EmoStream.Testing.Redis;

namespace EmoStream.IntegrationTests.Gateway;

/// <summary>The gateway between a real Kafka and a real Redis.</summary>
public sealed class GatewayPipelineTests(KafkaFixture kafka) : IAsyncLifetime
{
    private RedisServer? _redis;
    private GatewayHost? _gateway;
    private string _bootstrap = "";
    private string _topic = "";

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(RedisServer.Executable is not null, "redis-server is not on PATH");
        _bootstrap = (await kafka.BrokerAsync()).BootstrapServers;
        _topic = await kafka.CreateTopicAsync(partitions: 3);
        _redis = await RedisServer.StartAsync();
        _gateway = await GatewayHost.StartAsync(_redis.ConnectionString, _bootstrap, new Dictionary<string, string?>
        {
            ["EmoStream:Topics:Utterances"] = _topic,
        });
    }

    public async ValueTask DisposeAsync()
    {
        if (_gateway is not null)
        {
            await _gateway.DisposeAsync();
        }

        if (_redis is not null)
        {
            await _redis.DisposeAsync();
        }
    }

    [Fact]
    public async Task Post_Events_LieOnKafkaWhereTheAnswerSays()
    {
        using var body = new StringContent(
            """
            {"utteranceId":"u1","speaker":{"id":"s1","displayName":"Ana"},"startMs":0,"endMs":900,"text":"Für immer 🙂"}
            {"conversationId":"acme/standup","utteranceId":"u1","kind":"retraction"}
            {"kind":"end"}
            """,
            Encoding.UTF8,
            "application/x-ndjson");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/conversations/acme%2Fstandup/utterances") { Content = body };
        using var caller = new Activity("caller").Start();
        using var response = await _gateway!.Http.SendAsync(request, Cancelled);

        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        Assert.Equal("/v1/conversations/acme%2Fstandup/timeline", response.Headers.Location?.OriginalString);
        var receipt = await response.Content.ReadFromJsonAsync(ContractsJson.Default.UtteranceReceipt, Cancelled);
        Assert.Equal(3, receipt!.Count);
        var records = Read(receipt.Records);
        Assert.Equal([UtteranceKind.Utterance, UtteranceKind.Retraction, UtteranceKind.End], records.Select(Event).Select(e => e.Kind));
        Assert.Equal("Für immer 🙂", Event(records[0]).Text);
        Assert.All(records, record =>
        {
            Assert.Equal("acme/standup", Encoding.UTF8.GetString(record.Message.Key));
            Assert.Equal("application/json", Header(record, "content-type"));
            Assert.Equal("1.0", Header(record, "ce_specversion"));
            Assert.Equal("urn:emostream:gateway", Header(record, "ce_source"));
            Assert.StartsWith("emostream.", Header(record, "ce_type"), StringComparison.Ordinal);
            Assert.True(DateTimeOffset.TryParse(Header(record, "ce_time"), System.Globalization.CultureInfo.InvariantCulture, out _));
            // The caller's trace goes on behind Kafka.
            Assert.Contains(caller.TraceId.ToString(), Header(record, "traceparent"), StringComparison.Ordinal);
        });
        Assert.Equal(3, records.Select(record => Header(record, "ce_id")).Distinct().Count());
    }

    [Fact]
    public async Task Post_Array_KeepsTheOrderInOnePartition()
    {
        var events = Enumerable.Range(0, 200).Select(i => $$"""{"utteranceId":"u{{i}}","speaker":{"id":"s1"},"text":"{{i}}"}""");
        using var body = new StringContent($"[{string.Join(',', events)}]", Encoding.UTF8, "application/json");
        using var response = await _gateway!.Http.PostAsync("/v1/conversations/c/utterances", body, Cancelled);

        var receipt = await response.Content.ReadFromJsonAsync(ContractsJson.Default.UtteranceReceipt, Cancelled);
        Assert.Single(receipt!.Records.Select(record => record.Partition).Distinct());
        Assert.Equal(Enumerable.Range(0, 200).Select(i => $"u{i}"), Read(receipt.Records).Select(record => Event(record).UtteranceId));
    }

    [Fact]
    public async Task Post_OneBadEvent_PutsNothingOnKafka()
    {
        using var bad = new StringContent("""[{"utteranceId":"u1","speaker":{"id":"s1"},"text":"Hi"},{"utteranceId":"u2"}]""", Encoding.UTF8, "application/json");
        using var refused = await _gateway!.Http.PostAsync("/v1/conversations/c/utterances", bad, Cancelled);
        using var good = new StringContent("""{"utteranceId":"u3","speaker":{"id":"s1"},"text":"Hi"}""", Encoding.UTF8, "application/json");
        using var accepted = await _gateway.Http.PostAsync("/v1/conversations/c/utterances", good, Cancelled);

        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        var receipt = await accepted.Content.ReadFromJsonAsync(ContractsJson.Default.UtteranceReceipt, Cancelled);
        Assert.Equal(0, receipt!.Records.Single().Offset);
    }

    [Fact]
    public async Task Health_FollowsRedis()
    {
        Assert.Equal(HttpStatusCode.OK, await HealthAsync());

        await _redis!.KillAsync();
        await Eventually.TrueAsync(async _ => await HealthAsync() == HttpStatusCode.ServiceUnavailable, () => "/health stays 200 without Redis");
        using (var list = await _gateway!.Http.GetAsync("/v1/conversations", Cancelled))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, list.StatusCode);
            Assert.Equal("application/problem+json", list.Content.Headers.ContentType?.MediaType);
        }

        await _redis.RestartAsync();
        await Eventually.TrueAsync(async _ => await HealthAsync() == HttpStatusCode.OK, () => "/health stays bad with Redis back");
    }

    private async Task<HttpStatusCode> HealthAsync()
    {
        using var response = await _gateway!.Http.GetAsync("/health", Cancelled);
        return response.StatusCode;
    }

    private List<ConsumeResult<byte[], byte[]>> Read(IEnumerable<RecordPosition> positions)
    {
        using var consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig { BootstrapServers = _bootstrap, GroupId = "none", EnableAutoCommit = false }).Build();
        var records = new List<ConsumeResult<byte[], byte[]>>();
        foreach (var position in positions)
        {
            var at = new TopicPartitionOffset(_topic, position.Partition, position.Offset);
            if (records.Count == 0)
            {
                consumer.Assign(at);
            }

            var record = consumer.Consume(Eventually.Timeout) ?? throw new TimeoutException($"No record at {at}.");
            Assert.Equal(at, record.TopicPartitionOffset);
            records.Add(record);
        }

        return records;
    }

    private static UtteranceEvent Event(ConsumeResult<byte[], byte[]> record) =>
        JsonSerializer.Deserialize(record.Message.Value, ContractsJson.Default.UtteranceEvent)!;

    private static string Header(ConsumeResult<byte[], byte[]> record, string name) =>
        Encoding.UTF8.GetString(record.Message.Headers.GetLastBytes(name));
}
