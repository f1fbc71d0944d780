using System.Threading.Channels;
using EmoStream.Contracts.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Scoring;

namespace EmoStream.Tests.Inference.Batching;

/// <summary>A scorer that stops in every batch until the test lets it go on. Requests are told apart by their speaker.</summary>
internal sealed class HeldScorer : IScorer, IDisposable
{
    public const int Poison = 666;
    private readonly Channel<int[]> _entered = Channel.CreateUnbounded<int[]>();
    private readonly SemaphoreSlim _released = new(0);

    public ModelDescription Description { get; } = ModelBundle.Load(TinyBundle.Directory).Description;

    public static ScoreRequest Request(int id, int utterances = 1) => TinyBundle.Whole([.. Enumerable.Repeat(TinyBundle.Row(id, "ok"), utterances)]);

    public ScoreReply[] Score(IReadOnlyList<ScoreRequest> batch)
    {
        _entered.Writer.TryWrite([.. batch.Select(request => request.Rows[0].Speaker)]);
        _released.Wait();
        return [.. batch.Select(request => request.Rows[0].Speaker == Poison
            ? throw new InvalidDataException("poison")
            : new ScoreReply { Bundle = $"{request.Rows[0].Speaker}", Descriptors = [], Scores = [] })];
    }

    /// <summary>The ids of the next batch, once the scorer has begun it.</summary>
    public async Task<int[]> EnteredAsync(CancellationToken cancellationToken) => await _entered.Reader.ReadAsync(cancellationToken);

    public bool HasEntered => _entered.Reader.TryPeek(out _);

    public void Dispose() => _released.Dispose();

    public void Release(int batches = 1) => _released.Release(batches);
}
