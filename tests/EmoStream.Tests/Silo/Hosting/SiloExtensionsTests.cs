using EmoStream.Client.Produce;
using EmoStream.Contracts;
using EmoStream.Gateway;
using EmoStream.Silo.Hosting;
using EmoStream.Streaming.Kafka;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace EmoStream.Tests.Silo.Hosting;

/// <summary>Silo and gateway read the same names for Kafka.</summary>
public sealed class SiloExtensionsTests
{
    [Fact]
    public async Task Kafka_SharedSettings_ReachSiloAndGateway()
    {
        await using var app = Build(new()
        {
            ["EmoStream:Kafka:security.protocol"] = "sasl_ssl",
            ["EmoStream:Kafka:sasl_username"] = "me",
            ["EmoStream:Kafka:SSL_CA_LOCATION"] = "ca.pem",
            ["EmoStream:Kafka:sasl.mechanism"] = "",
            ["EmoStream:Topics:Utterances"] = "talk",
        });

        var silo = Silo(app);
        var gateway = app.Services.GetRequiredService<IOptions<UtteranceProducerOptions>>().Value;
        var expected = new Dictionary<string, string> { ["security.protocol"] = "sasl_ssl", ["sasl.username"] = "me", ["ssl.ca.location"] = "ca.pem" };
        Assert.Equal(expected, silo.ClientSettings);
        Assert.Equal(expected, new Dictionary<string, string>(gateway.Kafka));
        Assert.Equal(("talk", "talk.dlq", "talk.default.parked", "talk"), (silo.Topic, silo.DeadLetterTopic, silo.ParkingTopic, gateway.Topic));
    }

    [Fact]
    public async Task Kafka_EmptyTopicNames_AreTheDefaults()
    {
        await using var app = Build(new() { ["EmoStream:Topics:Utterances"] = "", ["EmoStream:Topics:DeadLetters"] = " " });

        var silo = Silo(app);
        Assert.Equal((Names.UtterancesTopic, Names.DeadLetterTopic), (silo.Topic, silo.DeadLetterTopic));
        Assert.Equal(Names.UtterancesTopic, app.Services.GetRequiredService<IOptions<UtteranceProducerOptions>>().Value.Topic);
    }

    [Fact]
    public async Task Kafka_TwoServiceIds_CommitUnderTwoGroups()
    {
        await using var one = Build(new() { ["Orleans:ServiceId"] = "one" });
        await using var two = Build(new() { ["Orleans:ServiceId"] = "two" });

        Assert.Equal(("one", "two"), (Silo(one).GroupId, Silo(two).GroupId));
    }

    private static KafkaStreamOptions Silo(WebApplication app) =>
        app.Services.GetRequiredService<IOptionsMonitor<KafkaStreamOptions>>().Get(Names.StreamProvider);

    private static WebApplication Build(Dictionary<string, string?> settings)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:kafka"] = "nowhere:1",
            ["ConnectionStrings:redis"] = "nowhere:1",
            ["Orleans:Clustering:ProviderType"] = "Development",
            ["EmoStream:Gateway:AllowAnonymous"] = "true",
        });
        builder.Configuration.AddInMemoryCollection(settings);
        builder.AddSilo();
        builder.AddGateway();
        return builder.Build();
    }
}
