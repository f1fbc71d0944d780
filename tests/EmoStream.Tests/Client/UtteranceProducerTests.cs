using EmoStream.Client;
using EmoStream.Client.Produce;
using EmoStream.Client.Read;
using EmoStream.Contracts.Events;
using EmoStream.Testing.Gateway;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace EmoStream.Tests.Client;

/// <summary>Against librdkafka's broker inside the process; keys, headers and durability are checked on a real one.</summary>
public sealed class UtteranceProducerTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Produce_ManyMoreThanTheQueuesHold_WaitsAndKeepsTheOrderOfTheCalls()
    {
        await using var producer = new UtteranceProducer(Options.Create(Mock(options =>
        {
            options.QueueCapacity = 4;
            // librdkafka refuses what exceeds this; that must not reach the caller.
            options.Kafka["queue.buffering.max.messages"] = "8";
        })));

        var deliveries = Enumerable.Range(0, 500).Select(i => producer.ProduceAsync(Utterance($"u{i}"), Cancelled)).ToArray();
        var records = await Task.WhenAll(deliveries).WaitAsync(Patience, Cancelled);

        Assert.Single(records.Select(record => record.Partition).Distinct());
        Assert.Equal(Enumerable.Range(0, 500).Select(i => (long)i), records.Select(record => record.Offset));
    }

    [Fact]
    public async Task Flush_AfterProducing_ReturnsWhenAllIsAcknowledged()
    {
        await using var producer = new UtteranceProducer(Options.Create(Mock(options => options.Linger = TimeSpan.FromSeconds(30))));
        var deliveries = Enumerable.Range(0, 20).Select(i => producer.ProduceAsync(Utterance($"u{i}"), Cancelled)).ToArray();

        await producer.FlushAsync(Cancelled).WaitAsync(Patience, Cancelled);

        // The acknowledgement is there; its continuation may still be on its way to the caller.
        await Task.WhenAll(deliveries).WaitAsync(TimeSpan.FromSeconds(20), Cancelled);
    }

    [Fact]
    public async Task Produce_KafkaAway_FailsAfterTheDeliveryTimeout()
    {
        await using var producer = new UtteranceProducer(Options.Create(Away()));

        var failed = await Assert.ThrowsAsync<UtteranceDeliveryException>(() => producer.ProduceAsync(Utterance("u1"), Cancelled)).WaitAsync(Patience, Cancelled);

        Assert.False(failed.IsPermanent);
        await Assert.ThrowsAsync<UtteranceDeliveryException>(() => producer.PingAsync(TimeSpan.FromMilliseconds(200)));
    }

    [Fact]
    public async Task Produce_InvalidEvent_ThrowsWithoutQuotingIt()
    {
        await using var producer = new UtteranceProducer(Options.Create(Away()));

        var invalid = await Assert.ThrowsAsync<ArgumentException>(() => producer.ProduceAsync(Utterance("u1") with { Speaker = null, Text = "secret" }, Cancelled));

        Assert.Contains("missing-field: speaker", invalid.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", invalid.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Produce_EventLargerThanARecordMayBe_FailsForGood()
    {
        await using var producer = new UtteranceProducer(Options.Create(Mock(options => options.MaxRecordBytes = 1_000)));

        var failed = await Assert.ThrowsAsync<UtteranceDeliveryException>(() => producer.ProduceAsync(Utterance("u1") with { Text = new string('x', 1_000) }, Cancelled));

        Assert.True(failed.IsPermanent);
    }

    [Fact]
    public async Task Produce_AfterDispose_Throws()
    {
        var producer = new UtteranceProducer(Options.Create(Away()));
        await producer.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => producer.ProduceAsync(Utterance("u1"), Cancelled));
    }

    [Fact]
    public async Task AddEmoStreamClient_RegistersWhatIsConfigured()
    {
        var services = new ServiceCollection();
        services.AddEmoStreamClient(producer => producer.BootstrapServers = GatewayHost.Nowhere, timeline => timeline.BaseAddress = new Uri("http://localhost"));
        await using var provider = services.BuildServiceProvider();

        Assert.Same(provider.GetRequiredService<UtteranceProducer>(), provider.GetRequiredService<UtteranceProducer>());
        Assert.NotNull(provider.GetRequiredService<TimelineClient>());
    }

    [Fact]
    public void AddEmoStreamClient_MissingAddress_IsRefusedByName()
    {
        var services = new ServiceCollection();
        services.AddEmoStreamClient(producer => producer.QueueCapacity = 0);
        using var provider = services.BuildServiceProvider();

        var refused = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IOptions<UtteranceProducerOptions>>().Value);

        Assert.Contains(nameof(UtteranceProducerOptions.BootstrapServers), refused.Message, StringComparison.Ordinal);
        Assert.Contains(nameof(UtteranceProducerOptions.QueueCapacity), refused.Message, StringComparison.Ordinal);
    }

    private static UtteranceEvent Utterance(string id) =>
        new() { ConversationId = "c", UtteranceId = id, Speaker = new Speaker("s1"), Text = "Hello." };

    private static UtteranceProducerOptions Mock(Action<UtteranceProducerOptions>? configure = null)
    {
        // librdkafka replaces the address by its own broker's.
        var options = new UtteranceProducerOptions { BootstrapServers = GatewayHost.Nowhere, Kafka = { ["test.mock.num.brokers"] = "1" } };
        configure?.Invoke(options);
        return options;
    }

    private static UtteranceProducerOptions Away() => new() { BootstrapServers = GatewayHost.Nowhere, DeliveryTimeout = TimeSpan.FromMilliseconds(300) };
}
