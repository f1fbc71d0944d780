using EmoStream.Contracts.Inference;
using EmoStream.Inference;
using EmoStream.Inference.Batching;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace EmoStream.Tests.Inference.Batching;

public sealed class ScoreBatcherTests : IAsyncDisposable
{
    private static readonly TimeSpan MaxAge = TimeSpan.FromMilliseconds(10);
    private readonly CancellationTokenSource _limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
    private readonly ArmedTimeProvider _time = new();
    private readonly HeldScorer _scorer = new();
    private readonly InferenceOptions _options = new() { MaxBatchSize = 4, MaxAge = MaxAge, QueueCapacity = 8 };
    private readonly Lazy<ScoreBatcher> _batcher;

    public ScoreBatcherTests()
    {
        _limit.CancelAfter(TimeSpan.FromSeconds(30));
        _batcher = new(() => new(_scorer, Options.Create(_options), _time, new InferenceMetrics(), NullLogger<ScoreBatcher>.Instance));
    }

    public async ValueTask DisposeAsync()
    {
        _scorer.Release(1000);
        await _batcher.Value.DisposeAsync();
        _scorer.Dispose();
        _limit.Dispose();
    }

    [Fact]
    public async Task ScoreAsync_LoneRequest_LeavesAtOnce()
    {
        var reply = ScoreAsync(1);

        await EnteredAsync(1);
        _scorer.Release();
        Assert.Equal("1", (await reply).Bundle);
    }

    [Fact]
    public async Task ScoreAsync_WhileTheScorerIsBusy_GathersUpToTheBatchSize()
    {
        var first = ScoreAsync(1);
        await _scorer.EnteredAsync(_limit.Token);
        var rest = Enumerable.Range(2, 6).Select(id => ScoreAsync(id)).ToArray();

        _scorer.Release();
        await EnteredAsync(2, 3, 4, 5);
        _scorer.Release();
        await Task.WhenAll(rest[..4]);
        // Two are left, four came last time: they wait for company, but not beyond their age.
        await AgeAsync();
        await EnteredAsync(6, 7);
        _scorer.Release();
        Assert.Equal(["1", "2", "3", "4", "5", "6", "7"], (await Task.WhenAll([first, .. rest])).Select(reply => reply.Bundle));
    }

    [Fact]
    public async Task ScoreAsync_AfterASharedBatch_WaitsForCompanyUntilItIsComplete()
    {
        await ShareABatchAsync(2, 3);

        var replies = new List<Task<ScoreReply>> { ScoreAsync(4) };
        Assert.Equal(MaxAge, await _time.ArmedAsync(_limit.Token));
        Assert.False(_scorer.HasEntered);
        replies.Add(ScoreAsync(5));

        await EnteredAsync(4, 5);
        _scorer.Release();
        await Task.WhenAll(replies);
    }

    [Fact]
    public async Task ScoreAsync_CompanyThatDoesNotCome_IsWaitedForNoLongerThanMaxAge()
    {
        await ShareABatchAsync(2, 3);

        var reply = ScoreAsync(4);
        await AgeAsync();

        await EnteredAsync(4);
        _scorer.Release();
        await reply;

        // The last batch was a lone one: no company is expected any more.
        var next = ScoreAsync(5);
        await EnteredAsync(5);
        _scorer.Release();
        await next;
    }

    [Fact]
    public async Task ScoreAsync_LongAfterASharedBatch_LeavesAtOnce()
    {
        await ShareABatchAsync(2, 3);
        _time.Advance(MaxAge * 2);

        var reply = ScoreAsync(4);

        await EnteredAsync(4);
        _scorer.Release();
        await reply;
    }

    [Fact]
    public async Task ScoreAsync_LargeRequest_RunsAlone()
    {
        var replies = new List<Task<ScoreReply>> { ScoreAsync(1) };
        await _scorer.EnteredAsync(_limit.Token);
        replies.AddRange([ScoreAsync(2), ScoreAsync(3, utterances: 9), ScoreAsync(4)]);
        _time.Advance(MaxAge);

        foreach (var expected in new[] { 2, 3, 4 })
        {
            _scorer.Release();
            await EnteredAsync(expected);
        }

        _scorer.Release();
        await Task.WhenAll(replies);
    }

    [Fact]
    public async Task ScoreAsync_QueueIsFull_CallersWait()
    {
        var replies = new List<Task<ScoreReply>> { ScoreAsync(0) };
        await _scorer.EnteredAsync(_limit.Token);
        replies.AddRange(Enumerable.Range(1, 8).Select(id => ScoreAsync(id)));

        using var impatient = new CancellationTokenSource();
        var held = _batcher.Value.ScoreAsync(HeldScorer.Request(99), impatient.Token);
        Assert.False(held.IsCompleted);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => held);

        replies.Add(ScoreAsync(9));
        _time.Advance(MaxAge);
        var seen = new List<int>();
        while (seen.Count < 9)
        {
            _scorer.Release();
            seen.AddRange(await _scorer.EnteredAsync(_limit.Token));
            _time.Advance(MaxAge);
        }

        _scorer.Release();
        await Task.WhenAll(replies);
        Assert.Equal(Enumerable.Range(1, 9), seen);
    }

    [Fact]
    public async Task ScoreAsync_CancelledWhileQueued_IsNotScored()
    {
        var first = ScoreAsync(1);
        await _scorer.EnteredAsync(_limit.Token);
        using var cancel = new CancellationTokenSource();
        var cancelled = _batcher.Value.ScoreAsync(HeldScorer.Request(2), cancel.Token);
        var third = ScoreAsync(3);

        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        _scorer.Release();

        await EnteredAsync(3);
        _scorer.Release();
        await Task.WhenAll(first, third);
    }

    [Fact]
    public async Task ScoreAsync_PoisonInTheBatch_FailsAlone()
    {
        var first = ScoreAsync(1);
        await _scorer.EnteredAsync(_limit.Token);
        Task<ScoreReply>[] replies = [ScoreAsync(2), ScoreAsync(HeldScorer.Poison), ScoreAsync(4)];
        _scorer.Release(1 + 1 + 3);

        Assert.Equal("2", (await replies[0]).Bundle);
        Assert.Equal("4", (await replies[2]).Bundle);
        Assert.Equal("poison", (await Assert.ThrowsAsync<InvalidDataException>(() => replies[1])).Message);
        await first;
    }

    [Fact]
    public async Task ScoreAsync_RequestThatDoesNotFit_NeverReachesTheScorer()
    {
        var failure = await Assert.ThrowsAsync<UnscorableException>(
            () => _batcher.Value.ScoreAsync(new() { Rows = [], Scored = [0] }, _limit.Token));

        Assert.Contains("scored index 0", failure.Message, StringComparison.Ordinal);
        Assert.False(_scorer.HasEntered);
    }

    [Fact]
    public async Task DisposeAsync_RequestsWait_AreAnsweredFirst()
    {
        var replies = new List<Task<ScoreReply>> { ScoreAsync(1) };
        await _scorer.EnteredAsync(_limit.Token);
        replies.AddRange([ScoreAsync(2), ScoreAsync(3)]);

        var disposed = _batcher.Value.DisposeAsync().AsTask();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => ScoreAsync(4));
        Assert.False(disposed.IsCompleted);
        _scorer.Release(2);

        await disposed.WaitAsync(_limit.Token);
        Assert.Equal(["1", "2", "3"], (await Task.WhenAll(replies)).Select(reply => reply.Bundle));
    }

    [Fact]
    public async Task ScoreAsync_GatheringThrows_FailsAllThatWaitAndReportsUnhealthy()
    {
        var clock = new BrokenClock();
        var batcher = new ScoreBatcher(_scorer, Options.Create(_options), clock, new InferenceMetrics(), NullLogger<ScoreBatcher>.Instance);
        var health = new InferenceWarmup(batcher, clock, NullLogger<InferenceWarmup>.Instance);
        var warm = health.StartingAsync(_limit.Token);
        _scorer.Release(2);
        await warm.WaitAsync(_limit.Token);
        Assert.Equal(HealthStatus.Healthy, (await health.CheckHealthAsync(new(), _limit.Token)).Status);

        clock.Broken = true;
        var first = batcher.ScoreAsync(HeldScorer.Request(1), _limit.Token);
        var second = batcher.ScoreAsync(HeldScorer.Request(2), _limit.Token);

        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => first.WaitAsync(_limit.Token));
        Assert.Equal(BrokenClock.Message, error.Message);
        // It came either before the thread ended or after.
        await Assert.ThrowsAnyAsync<InvalidOperationException>(() => second.WaitAsync(_limit.Token));
        Assert.Equal(HealthStatus.Unhealthy, (await health.CheckHealthAsync(new(), _limit.Token)).Status);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await batcher.DisposeAsync());
    }

    private Task<ScoreReply> ScoreAsync(int id, int utterances = 1) => _batcher.Value.ScoreAsync(HeldScorer.Request(id, utterances), _limit.Token);

    private async Task EnteredAsync(params int[] ids) => Assert.Equal(ids, await _scorer.EnteredAsync(_limit.Token));

    /// <summary>Waits until the scorer's thread waits for company, then lets the time run out.</summary>
    private async Task AgeAsync()
    {
        var left = await _time.ArmedAsync(_limit.Token);
        Assert.False(_scorer.HasEntered);
        _time.Advance(left);
    }

    private async Task ShareABatchAsync(params int[] ids)
    {
        var first = ScoreAsync(1);
        await _scorer.EnteredAsync(_limit.Token);
        var shared = ids.Select(id => ScoreAsync(id)).ToArray();
        _scorer.Release();
        await EnteredAsync(ids);
        _scorer.Release();
        await Task.WhenAll([first, .. shared]);
    }

    /// <summary>Timestamps go on; what they mean fails, on the scorer's thread alone.</summary>
    private sealed class BrokenClock : TimeProvider
    {
        public const string Message = "The clock is broken.";

        public volatile bool Broken;

        public override long TimestampFrequency => Broken ? throw new InvalidOperationException(Message) : System.TimestampFrequency;
    }
}
