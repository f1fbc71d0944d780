using System.Globalization;
using EmoStream.Cli.Up;
using EmoStream.Client.Produce;
using EmoStream.Contracts;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Scoring;
using EmoStream.Silo.Hosting;
using EmoStream.Streaming.Kafka;
using EmoStream.Testing;
using EmoStream.Testing.Processes;
using EmoStream.Tests.Inference;
using EmoStream.Tests.ServiceDefaults;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace EmoStream.Tests.Silo.Hosting;

/// <summary>What a whole silo logs, at the finest level, while a conversation cannot be scored.</summary>
public sealed class DeliveryFailureLogTests
{
    private const string Conversation = "conversation-of-ana-and-bob";
    private const string Text = "nobody else should read this";
    private const string Utterance = "utterance-of-ana";
    private const string Speaker = "speaker-ana";

    [Fact]
    public async Task Logs_DeliveriesFail_TellSoWithoutIds()
    {
        var scorer = new FailingScorer();
        using var logs = new CapturedLogs();
        using var redis = EmbeddedRedis.Start("64m");
        using var kafka = EmbeddedKafka.Start();
        EmbeddedTopics.Create(kafka);
        await using var app = Build(kafka, redis, scorer, logs);
        await app.StartAsync(TestContext.Current.CancellationToken);

        await using var producer = new UtteranceProducer(Options.Create(new UtteranceProducerOptions { BootstrapServers = kafka.BootstrapServers }));
        scorer.Fail = true;
        await producer.ProduceAsync(
            new UtteranceEvent { ConversationId = Conversation, UtteranceId = Utterance, Speaker = new Speaker(Speaker), Text = Text },
            TestContext.Current.CancellationToken);
        // The third attempt begins when everything about the second has been logged.
        await Eventually.TrueAsync(() => scorer.Failures >= 3, () => $"{scorer.Failures} attempts\n{string.Join('\n', logs.Lines)}");
        scorer.Fail = false;
        await app.StopAsync(TestContext.Current.CancellationToken);

        Assert.Contains(logs.Lines, line => line.Contains("could not be scored", StringComparison.Ordinal));
        Assert.Contains(logs.Lines, line => line.StartsWith("Orleans.Runtime.MembershipService", StringComparison.Ordinal));
        string[] secrets = [Conversation, Text, Utterance, Speaker];
        Assert.DoesNotContain(logs.Lines, line => Array.Exists(secrets, secret => line.Contains(secret, StringComparison.Ordinal)));
    }

    private static WebApplication Build(EmbeddedKafka kafka, EmbeddedRedis redis, FailingScorer scorer, CapturedLogs logs)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:kafka"] = kafka.BootstrapServers,
            ["ConnectionStrings:redis"] = redis.ConnectionString,
            ["EmoStream:Policy"] = Checkout.At("infra", "policies", "text-only.json"),
            ["Orleans:Clustering:ProviderType"] = "Development",
            ["Orleans:Endpoints:AdvertisedIPAddress"] = "127.0.0.1",
            ["Orleans:Endpoints:SiloPort"] = FreePorts.Take().ToString(CultureInfo.InvariantCulture),
            ["Orleans:Endpoints:GatewayPort"] = "0",
            ["Logging:Captured:LogLevel:Default"] = "Trace",
        });
        builder.Logging.ClearProviders().AddProvider(logs);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton<IScorer>(scorer);
        builder.AddSilo();
        builder.Services.PostConfigure<KafkaStreamOptions>(Names.StreamProvider, options => options.UseAdminRequests = false);
        return builder.Build();
    }

    private sealed class FailingScorer : IScorer
    {
        private int _failures;

        public volatile bool Fail;

        public int Failures => Volatile.Read(ref _failures);

        public ModelDescription Description { get; } = ModelBundle.Load(TinyBundle.Directory).Description;

        public ScoreReply[] Score(IReadOnlyList<ScoreRequest> batch)
        {
            if (Fail)
            {
                Interlocked.Increment(ref _failures);
                throw new InvalidOperationException("The model is out of order.");
            }

            return [.. batch.Select(request => new ScoreReply
            {
                Bundle = Description.Bundle,
                Descriptors = new byte[]?[request.Rows.Length][],
                Scores = [.. request.Scored.Select(_ => new Score { Probabilities = [1f / 3, 1f / 3, 1f / 3], Weights = [1, 0] })],
            })];
        }
    }
}
