using EmoStream.Streaming.Kafka;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Orleans.Configuration;

namespace EmoStream.Tests.Streaming.Kafka;

public sealed class KafkaStreamOptionsTests
{
    [Fact]
    public void Configuration_Alone_SetsTheProviderUp()
    {
        var options = Build(new()
        {
            ["ConnectionStrings:kafka"] = "broker:9092",
            ["Orleans:Streaming:Kafka:ProviderType"] = "Kafka",
            ["Orleans:Streaming:Kafka:ServiceKey"] = "kafka",
            ["Orleans:Streaming:Kafka:Topic"] = "events",
            ["Orleans:Streaming:Kafka:CacheRecords"] = "77",
            ["Orleans:Streaming:Kafka:RetryDelays:0"] = "00:00:01",
            ["Orleans:Streaming:Kafka:RetryDelays:1"] = "00:00:30",
            ["Orleans:Streaming:Kafka:ClientSettings:security.protocol"] = "sasl_ssl",
        }).Get<IOptionsMonitor<KafkaStreamOptions>>().Get("Kafka");
        Assert.Equal("broker:9092", options.BootstrapServers);
        Assert.Equal("events", options.Topic);
        Assert.Equal("events.dlq", options.DeadLetterTopic);
        Assert.Equal("events.parked", options.ParkingTopic);
        Assert.Equal([TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30)], options.RetryDelays);
        Assert.Equal("service", options.GroupId);
        Assert.Equal(77, options.CacheRecords);
        Assert.Equal("sasl_ssl", options.ClientSettings["security.protocol"]);
    }

    [Fact]
    public void AddKafkaStreams_TwiceAndByConfiguration_OneProvider()
    {
        var host = Build(
            new() { ["Orleans:Streaming:Kafka:ProviderType"] = "Kafka", ["Orleans:Streaming:Kafka:Topic"] = "events" },
            silo => silo
                .AddKafkaStreams("Kafka", streams => streams.Configure(o => o.BootstrapServers = "broker:1"))
                .AddKafkaStreams("Kafka", streams => streams.Configure(o => o.CacheRecords = 5)));
        var options = host.Get<IOptionsMonitor<KafkaStreamOptions>>().Get("Kafka");
        Assert.Equal(new KafkaStreamOptions().RetryDelays, options.RetryDelays);
        Assert.Equal(("broker:1", "events", 5), (options.BootstrapServers, options.Topic, options.CacheRecords));
    }

    [Fact]
    public void Validation_WithoutTopicAndServers_NamesBoth()
    {
        var host = Build([], silo => silo.AddKafkaStreams("Kafka"));
        var error = Assert.Throws<OptionsValidationException>(() => host.Get<IOptionsMonitor<KafkaStreamOptions>>().Get("Kafka"));
        Assert.Contains(nameof(KafkaStreamOptions.Topic), error.Message, StringComparison.Ordinal);
        Assert.Contains(nameof(KafkaStreamOptions.BootstrapServers), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Validation_OutOfRange_Fails()
    {
        var host = Build([], silo => silo.AddKafkaStreams("Kafka", streams => streams.Configure(o =>
            (o.BootstrapServers, o.Topic, o.CacheRecords, o.LongPoll) = ("b:1", "t", 0, TimeSpan.FromHours(1)))));
        var error = Assert.Throws<OptionsValidationException>(() => host.Get<IOptionsMonitor<KafkaStreamOptions>>().Get("Kafka"));
        Assert.Equal(2, error.Failures.Count());
    }

    [Fact]
    public void Validation_NegativeRetryDelay_NamesIt()
    {
        var host = Build([], silo => silo.AddKafkaStreams("Kafka", streams => streams.Configure(o =>
        {
            (o.BootstrapServers, o.Topic) = ("b:1", "t");
            o.RetryDelays.Add(TimeSpan.FromSeconds(-1));
        })));
        var error = Assert.Throws<OptionsValidationException>(() => host.Get<IOptionsMonitor<KafkaStreamOptions>>().Get("Kafka"));
        Assert.Contains(nameof(KafkaStreamOptions.RetryDelays), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ConsumerConfig_HostileClientSettings_GuaranteesStay()
    {
        var options = new KafkaStreamOptions { BootstrapServers = "b:1", Topic = "t", GroupId = "g" };
        options.ClientSettings["enable.auto.offset.store"] = "true";
        options.ClientSettings["auto.offset.reset"] = "latest";
        options.ClientSettings["acks"] = "1";
        options.ClientSettings["sasl.username"] = "u";
        var consumer = KafkaStreamContext.ConsumerConfig(options);
        Assert.False(consumer.EnableAutoOffsetStore);
        Assert.Equal(Confluent.Kafka.AutoOffsetReset.Error, consumer.AutoOffsetReset);
        Assert.Equal("u", consumer.SaslUsername);
        Assert.Equal(Confluent.Kafka.Acks.All, KafkaStreamContext.ProducerConfig(options).Acks);
    }

    private static Started Build(Dictionary<string, string?> configuration, Action<ISiloBuilder>? configure = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(configuration);
        builder.UseOrleans(silo =>
        {
            silo.UseLocalhostClustering();
            silo.Configure<ClusterOptions>(cluster => cluster.ServiceId = "service");
            configure?.Invoke(silo);
        });
        return new(builder.Build());
    }

    private sealed record Started(IHost Host)
    {
        public T Get<T>()
            where T : notnull => Host.Services.GetRequiredService<T>();
    }
}
