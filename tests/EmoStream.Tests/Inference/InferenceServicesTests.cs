using EmoStream.Contracts.Inference;
using EmoStream.Inference;
using EmoStream.Inference.Batching;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Scoring;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace EmoStream.Tests.Inference;

public sealed class InferenceServicesTests
{
    [Fact]
    public async Task StartAsync_GoodBundle_IsWarmBeforeReady()
    {
        using var host = Build(new() { ["EmoStream:Bundle"] = TinyBundle.Directory, ["EmoStream:Inference:Threads"] = "1" });
        var health = host.Services.GetRequiredService<HealthCheckService>();
        Assert.Equal(HealthStatus.Unhealthy, (await health.CheckHealthAsync(TestContext.Current.CancellationToken)).Status);

        await host.StartAsync(TestContext.Current.CancellationToken);

        Assert.Equal(HealthStatus.Healthy, (await health.CheckHealthAsync(TestContext.Current.CancellationToken)).Status);
        var reply = await host.Services.GetRequiredService<ScoreBatcher>()
            .ScoreAsync(TinyBundle.Whole(TinyBundle.Rows()), TestContext.Current.CancellationToken);
        Assert.Equal(TinyBundle.Expected.Scores.Length, reply.Scores.Length);
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData("MaxBatchSize", "0")]
    [InlineData("MaxAge", "00:00:02")]
    [InlineData("MaxAge", "-00:00:01")]
    [InlineData("QueueCapacity", "0")]
    [InlineData("Threads", "-1")]
    [InlineData("ExecutionProvider", "9")]
    public async Task StartAsync_BadOption_StopsTheHost(string option, string value)
    {
        using var host = Build(new() { ["EmoStream:Bundle"] = TinyBundle.Directory, [$"EmoStream:Inference:{option}"] = value });

        var failure = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(TestContext.Current.CancellationToken));
        Assert.Contains(option, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StartAsync_NoBundle_SaysWhichSettingIsMissing()
    {
        using var host = Build([]);

        var failure = await Assert.ThrowsAsync<BundleException>(() => host.StartAsync(TestContext.Current.CancellationToken));
        Assert.StartsWith("EmoStream:Bundle is not set", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StartAsync_ScorerOfOnesOwn_NeedsNoBundle()
    {
        using var host = Build([], services => services.AddSingleton<IScorer, UniformScorer>());

        await host.StartAsync(TestContext.Current.CancellationToken);

        Assert.Equal("uniform@1", host.Services.GetRequiredService<ScoreBatcher>().Description.Bundle);
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    private static IHost Build(Dictionary<string, string?> settings, Action<IServiceCollection>? services = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration.AddInMemoryCollection(settings);
        services?.Invoke(builder.Services);
        builder.Services.AddInference();
        return builder.Build();
    }

    private sealed class UniformScorer : IScorer
    {
        public ModelDescription Description { get; } = ModelBundle.Load(TinyBundle.Directory).Description with { Bundle = "uniform@1" };

        public ScoreReply[] Score(IReadOnlyList<ScoreRequest> batch) => [.. batch.Select(request => new ScoreReply
        {
            Bundle = Description.Bundle,
            Descriptors = new byte[]?[request.Rows.Length][],
            Scores = [.. request.Scored.Select(_ => new Score { Probabilities = [1f / 3, 1f / 3, 1f / 3], Weights = [1, 0] })],
        })];
    }
}
