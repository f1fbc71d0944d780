using EmoStream.Contracts;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Inference;
using EmoStream.Inference.Batching;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EmoStream.Inference;

/// <summary>
/// Runs the model before any other hosted service starts, so that the first utterance does not pay for it, and reports
/// ready from then on. A bundle that cannot score stops the host here.
/// </summary>
internal sealed partial class InferenceWarmup(ScoreBatcher batcher, TimeProvider timeProvider, ILogger<InferenceWarmup> logger)
    : IHostedLifecycleService, IHealthCheck
{
    private volatile bool _ready;

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        var started = timeProvider.GetTimestamp();
        // One alone, then a whole window at once: the smallest and the usual shape.
        await batcher.ScoreAsync(Request(batcher.Description, rows: 1), cancellationToken).ConfigureAwait(false);
        await batcher.ScoreAsync(Request(batcher.Description, batcher.Description.Window + 1), cancellationToken).ConfigureAwait(false);
        _ready = true;
        var elapsed = timeProvider.GetElapsedTime(started);
        LogReady(batcher.Description.Bundle, elapsed);
    }

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        => Task.FromResult(batcher.IsBroken ? HealthCheckResult.Unhealthy("The scorer's thread ended.")
            : _ready ? HealthCheckResult.Healthy(batcher.Description.Bundle)
            : HealthCheckResult.Unhealthy("The model is warming up."));

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static ScoreRequest Request(ModelDescription model, int rows)
    {
        var input = new RowInput
        {
            Text = HasTextEncoder(model) ? "the model is warming up" : null,
            Audio = Zeros(model, Modality.Audio),
            Face = Zeros(model, Modality.Face),
            Body = Zeros(model, Modality.Body),
        };
        return new()
        {
            Rows = [.. Enumerable.Range(0, rows).Select(row => new ContextRow { Speaker = row % 2, Input = input })],
            Scored = HasTextEncoder(model) || model.Modalities.Any(modality => modality.Name != Modality.Text) ? [rows - 1] : [],
        };
    }

    private static bool HasTextEncoder(ModelDescription model)
        => model.Modalities.Any(modality => modality is { Name: Modality.Text, HasEncoder: true });

    private static ModalityInput? Zeros(ModelDescription model, string name)
        => Array.Find(model.Modalities, modality => modality.Name == name) is { } modality
            ? new() { Features = new(modality.FeatureSpace, new float[modality.Dimension]) }
            : null;

    [LoggerMessage(Level = LogLevel.Information, Message = "{Bundle} is ready; warming up took {Elapsed}")]
    private partial void LogReady(string bundle, TimeSpan elapsed);
}
