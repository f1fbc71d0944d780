using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using EmoStream.Streaming.Kafka;
using EmoStream.Testing;
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
        Assert.Equal("events.service.dlq", options.DeadLetterTopic);
        Assert.Equal("events.service.parked", options.ParkingTopic);
        Assert.Equal([TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30)], options.RetryDelays);
        Assert.Equal("service", options.GroupId);
        Assert.Equal(77, options.CacheRecords);
        Assert.Equal("sasl_ssl", options.ClientSettings["security.protocol"]);
    }

    [Fact]
    public void AddKafkaStreams_TwiceAndByConfiguration_OneProvider()
    {
        var host = Build(
            new() { ["Orleans:Streaming:Kafka:ProviderType"] = "Kafka", ["Orleans:Streaming:Kafka:Topic"] = "events", ["Orleans:Streaming:Kafka:FetchBatch"] = "7" },
            silo => silo
                .AddKafkaStreams("Kafka", streams => streams.Configure(o => (o.BootstrapServers, o.FetchBatch) = ("broker:1", 8)))
                .AddKafkaStreams("Kafka", streams => streams.Configure(o => o.CacheRecords = 5)));
        var options = host.Get<IOptionsMonitor<KafkaStreamOptions>>().Get("Kafka");
        Assert.Equal(new KafkaStreamOptions().RetryDelays, options.RetryDelays);
        Assert.Equal(("broker:1", "events", 5), (options.BootstrapServers, options.Topic, options.CacheRecords));
        Assert.Equal(8, options.FetchBatch); // what the program says itself is said last
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
    public void Validation_SettingsThatAreNull_NamesThem()
    {
        var host = Build([], silo => silo.AddKafkaStreams("Kafka", streams => streams.Configure(o =>
            o.BootstrapServers = o.Topic = o.GroupId = o.DeadLetterTopic = o.ParkingTopic = null!)));
        var error = Assert.Throws<OptionsValidationException>(() => host.Get<IOptionsMonitor<KafkaStreamOptions>>().Get("Kafka"));
        Assert.Contains($".{nameof(KafkaStreamOptions.Topic)} field is required", error.Message, StringComparison.Ordinal);
        Assert.Contains(nameof(KafkaStreamOptions.BootstrapServers), error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("t", "p")]
    [InlineData("d", "t")]
    [InlineData("t.parked", "t.parked")]
    public void Validation_OneTopicForTwoThings_Refused(string deadLetters, string parking)
    {
        var host = Build([], silo => silo.AddKafkaStreams("Kafka", streams => streams.Configure(o =>
            (o.BootstrapServers, o.Topic, o.DeadLetterTopic, o.ParkingTopic) = ("b:1", "t", deadLetters, parking))));
        var error = Assert.Throws<OptionsValidationException>(() => host.Get<IOptionsMonitor<KafkaStreamOptions>>().Get("Kafka"));
        Assert.Contains("must be different topics", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Validation_GroupThatNoTopicCanBeNamedAfter_AsksForNames()
    {
        var host = Build([], silo => silo.AddKafkaStreams("Kafka", streams => streams.Configure(o =>
            (o.BootstrapServers, o.Topic, o.GroupId) = ("b:1", "t", "billing/eu"))));
        var error = Assert.Throws<OptionsValidationException>(() => host.Get<IOptionsMonitor<KafkaStreamOptions>>().Get("Kafka"));
        Assert.Equal(2, error.Failures.Count());
        Assert.Contains($"{nameof(KafkaStreamOptions.DeadLetterTopic)} is not a topic name", error.Message, StringComparison.Ordinal);
        Assert.Contains($"{nameof(KafkaStreamOptions.ParkingTopic)} is not a topic name", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Validation_OutOfRange_Fails()
    {
        var host = Build([], silo => silo.AddKafkaStreams("Kafka", streams => streams.Configure(o =>
            (o.BootstrapServers, o.Topic, o.CacheRecords, o.LongPoll) = ("b:1", "t", 0, TimeSpan.FromHours(1)))));
        var error = Assert.Throws<OptionsValidationException>(() => host.Get<IOptionsMonitor<KafkaStreamOptions>>().Get("Kafka"));
        Assert.Equal(2, error.Failures.Count());
    }

    [Theory]
    [InlineData(":0", "200ms")]
    [InlineData(":0", "abc")]
    [InlineData("", "00:00:02")]
    public void Configuration_RetryDelayThatIsNone_NamesIt(string key, string value)
    {
        var host = Build(new()
        {
            ["Orleans:Streaming:Kafka:ProviderType"] = "Kafka",
            ["Orleans:Streaming:Kafka:Topic"] = "events",
            ["Orleans:Streaming:Kafka:RetryDelays" + key] = value,
        });
        var error = Assert.ThrowsAny<Exception>(() => host.Get<IOptionsMonitor<KafkaStreamOptions>>().Get("Kafka"));
        Assert.Contains("Orleans:Streaming:Kafka:RetryDelays:0", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("retries", "0")]
    [InlineData("group.protocol", "consumer")]
    [InlineData("security.protocol", "nonsense")]
    public void ClientSettings_ThatNoClientTakes_SayWhichOne(string setting, string value)
    {
        var options = new KafkaStreamOptions { BootstrapServers = "b:1", Topic = "t", GroupId = "g", ClientSettings = { [setting] = value } };
        var error = Assert.Throws<OrleansConfigurationException>(() => KafkaStreamContext.RequireClients("Kafka", options));
        Assert.Contains(setting, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(5 * 24 * 3600)]
    public void Validation_RetryDelayOutOfRange_NamesIt(int seconds)
    {
        var host = Build([], silo => silo.AddKafkaStreams("Kafka", streams => streams.Configure(o =>
        {
            (o.BootstrapServers, o.Topic) = ("b:1", "t");
            o.RetryDelays.Add(TimeSpan.FromSeconds(seconds));
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

    [Fact]
    public void Validation_EveryOptionOutOfRange_NamesIt()
    {
        foreach (var property in Settable)
        {
            foreach (var bad in BadValues(property))
            {
                var options = new KafkaStreamOptions { BootstrapServers = "b:1", Topic = "t", DeadLetterTopic = "d", ParkingTopic = "p", GroupId = "g" };
                property.SetValue(options, bad);
                var result = new KafkaStreamOptionsValidator().Validate("Kafka", options);
                Assert.True(result.Failed, $"{property.Name} = {bad} is taken");
                Assert.Contains(property.Name, Assert.Single(result.Failures), StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Validation_EveryOption_HasARule()
    {
        // Any value of these is one, or (the lists) they are checked beside the annotations.
        string[] free = [nameof(KafkaStreamOptions.CreateTopics), nameof(KafkaStreamOptions.UseAdminRequests)];
        Assert.Equal(free, Settable.Where(p => !BadValues(p).Any()).Select(p => p.Name));
        Assert.True(new KafkaStreamOptionsValidator().Validate(
            "Kafka", new() { BootstrapServers = "b:1", Topic = "t", DeadLetterTopic = "d", ParkingTopic = "p", GroupId = "g" }).Succeeded);
    }

    [Fact]
    public async Task Start_BadOption_HostDoesNotStart()
    {
        var host = Build([], silo => silo.AddKafkaStreams("Kafka", streams => streams.Configure(o =>
            (o.BootstrapServers, o.Topic, o.HandoverTimeout) = ("b:1", "t", TimeSpan.FromSeconds(-1)))));
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.Host.StartAsync(TestContext.Current.CancellationToken));
        Assert.Contains(nameof(KafkaStreamOptions.HandoverTimeout), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Readme_OptionsTable_NamesEveryOptionAndNoOther()
    {
        var readme = File.ReadAllText(Checkout.At("src", "EmoStream.Streaming.Kafka", "README.md"));
        var section = readme[readme.IndexOf("## Options\n", StringComparison.Ordinal)..readme.IndexOf("## Guarantees\n", StringComparison.Ordinal)];
        var named = section.Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .SelectMany(line => Regex.Matches(line.Split('|')[1], "`(\\w+)`").Select(match => match.Groups[1].Value));

        Assert.Equal(typeof(KafkaStreamOptions).GetProperties().Select(p => p.Name).Order(StringComparer.Ordinal), named.Order(StringComparer.Ordinal));
    }

    private static IEnumerable<PropertyInfo> Settable => typeof(KafkaStreamOptions).GetProperties().Where(p => p.CanWrite);

    /// <summary>By its annotations: one below the range, one above it; nothing, where something is required; what is denied.</summary>
    private static IEnumerable<object?> BadValues(PropertyInfo property)
    {
        if (property.GetCustomAttribute<RequiredAttribute>() is not null)
        {
            yield return property.PropertyType == typeof(string) ? " " : null;
        }
        if (property.GetCustomAttribute<RegularExpressionAttribute>() is not null)
        {
            yield return "a name with spaces";
        }
        foreach (var denied in property.GetCustomAttribute<DeniedValuesAttribute>()?.Values ?? [])
        {
            yield return denied;
        }
        if (property.GetCustomAttribute<RangeAttribute>() is { } range)
        {
            if (property.PropertyType == typeof(TimeSpan))
            {
                yield return TimeSpan.Parse((string)range.Minimum, CultureInfo.InvariantCulture) - TimeSpan.FromTicks(1);
                yield return TimeSpan.Parse((string)range.Maximum, CultureInfo.InvariantCulture) + TimeSpan.FromTicks(1);
            }
            else
            {
                yield return Convert.ChangeType(Convert.ToInt64(range.Minimum, CultureInfo.InvariantCulture) - 1, property.PropertyType, CultureInfo.InvariantCulture);
                if (property.PropertyType != typeof(long))
                {
                    yield return Convert.ChangeType(Convert.ToInt64(range.Maximum, CultureInfo.InvariantCulture) + 1, property.PropertyType, CultureInfo.InvariantCulture);
                }
            }
        }
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
