using System.Text.RegularExpressions;
using EmoStream.Client;
using EmoStream.Client.Produce;
using EmoStream.Client.Read;
using EmoStream.Contracts.Events;
using EmoStream.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace EmoStream.Tests.Client;

/// <summary>The samples of the client's README, compiled here; a test checks that the README shows this very code.</summary>
public sealed partial class ReadmeSamplesTests
{
    [Fact]
    public void Readme_Samples_AreTheCompiledOnes()
    {
        var readme = File.ReadAllText(Checkout.At("src", "EmoStream.Client", "README.md"));
        var compiled = Normalise(File.ReadAllText(Checkout.At("tests", "EmoStream.Tests", "Client", "ReadmeSamplesTests.cs")));

        var samples = Sample().Matches(readme).Select(match => match.Groups[1].Value).ToList();
        Assert.Equal(3, samples.Count);
        Assert.All(samples, sample => Assert.Contains(Normalise(sample), compiled, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Register_Sample_GivesBothClients()
    {
        var services = new ServiceCollection();
        Register(services);
        await using var provider = services.BuildServiceProvider();

        Assert.NotNull(provider.GetRequiredService<UtteranceProducer>());
        Assert.NotNull(provider.GetRequiredService<TimelineClient>());
    }

    private static void Register(IServiceCollection services)
    {
        services.AddEmoStreamClient(
            producer => producer.BootstrapServers = "localhost:9092",
            timeline =>
            {
                timeline.BaseAddress = new Uri("http://localhost:8080");
                timeline.TokenProvider = cancellationToken => GetTokenAsync(cancellationToken);
            });
    }

    private static async Task ProduceAsync(UtteranceProducer producer)
    {
        var record = await producer.ProduceAsync(new UtteranceEvent
        {
            ConversationId = "acme/standup-7",
            UtteranceId = "u3",
            Speaker = new Speaker("s2", DisplayName: "Ana"),
            StartMs = 9000,
            EndMs = 11500,
            Text = "That is great news!",
        });
        Console.WriteLine($"partition {record.Partition}, offset {record.Offset}");
        await producer.ProduceAsync(new UtteranceEvent { ConversationId = "acme/standup-7", Kind = UtteranceKind.End });
    }

    private static async Task FollowAsync(TimelineClient client, CancellationToken cancellationToken)
    {
        var timeline = await client.GetTimelineAsync("acme/standup-7", cancellationToken);
        await foreach (var entry in client.FollowAsync("acme/standup-7", timeline?.Change ?? 0, cancellationToken))
        {
            Console.WriteLine($"{entry.Sequence} {entry.Label} {entry.Confidence:P0} {entry.Status}");
        }
    }

    private static ValueTask<string?> GetTokenAsync(CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled<string?>(cancellationToken) : ValueTask.FromResult<string?>("token");

    /// <summary>Indentation aside, both are the same text.</summary>
    private static string Normalise(string code) =>
        string.Join('\n', code.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0));

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Sample();
}
