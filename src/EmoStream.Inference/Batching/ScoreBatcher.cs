using System.Threading.Channels;
using EmoStream.Contracts.Inference;
using EmoStream.Inference.Scoring;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace EmoStream.Inference.Batching;

/// <summary>
/// Bounded queue in front of the scorer: gathers the requests of many conversations, and runs them on one thread of
/// its own. Callers wait when the queue is full.
/// </summary>
/// <remarks>
/// When a batch leaves:
/// <list type="bullet">
/// <item>While the scorer is busy, requests gather by themselves; as soon as it is free it takes what is there, up to
/// <see cref="InferenceOptions.MaxBatchSize"/> utterances.</item>
/// <item>A request that finds the scorer idle leaves at once, alone: waiting for company that may not come would only
/// add latency.</item>
/// <item>Company is expected when the last batch was shared and ended less than <see cref="InferenceOptions.MaxAge"/>
/// ago: its callers were answered together and tend to come back together. Then the first of them waits until as many
/// are there as last time, but never longer than MaxAge after its arrival.</item>
/// </list>
/// A batch that throws is scored again one by one, so that a bad request fails alone.
/// </remarks>
public sealed partial class ScoreBatcher : IAsyncDisposable
{
    private readonly IScorer _scorer;
    private readonly InferenceOptions _options;
    private readonly TimeProvider _timeProvider;
    private readonly InferenceMetrics _metrics;
    private readonly ILogger<ScoreBatcher> _logger;
    private readonly Channel<PendingScore> _queue;
    private readonly BatchGathering _gathering;
    private volatile bool _broken;
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ScoreBatcher(IScorer scorer, IOptions<InferenceOptions> options, TimeProvider timeProvider, InferenceMetrics metrics, ILogger<ScoreBatcher> logger)
    {
        (_scorer, _options, _timeProvider, _metrics, _logger) = (scorer, options.Value, timeProvider, metrics, logger);
        _queue = Channel.CreateBounded<PendingScore>(new BoundedChannelOptions(_options.QueueCapacity) { SingleReader = true });
        _gathering = new(_queue.Reader, _options, _timeProvider);
        // A model run blocks for milliseconds: on a pool thread it would starve the grains.
        new Thread(Run) { IsBackground = true, Name = "EmoStream scorer" }.Start();
    }

    /// <summary>What the model is and takes.</summary>
    public ModelDescription Description => _scorer.Description;

    /// <summary>Whether the scorer's thread ended by a defect: nothing is scored any more until the process is restarted.</summary>
    public bool IsBroken => _broken;

    /// <summary>Queues a request and returns its scores.</summary>
    /// <exception cref="UnscorableException">The request does not fit the model.</exception>
    /// <exception cref="ObjectDisposedException">The batcher was stopped.</exception>
    public async Task<ScoreReply> ScoreAsync(ScoreRequest request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (ScoreRequestValidator.Validate(request, Description) is { } problem)
        {
            throw new UnscorableException($"The request does not fit the model: {problem}.");
        }

        var pending = new PendingScore(request, _timeProvider.GetTimestamp());
        try
        {
            await _queue.Writer.WriteAsync(pending, cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            throw new ObjectDisposedException(nameof(ScoreBatcher));
        }

        await using var cancelled = cancellationToken.UnsafeRegister(
            static (state, token) => ((PendingScore)state!).TrySetCanceled(token), pending).ConfigureAwait(false);
        return await pending.Task.ConfigureAwait(false);
    }

    /// <summary>Takes no more requests, scores those that wait, and returns when the last is answered.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _stopped.Task.ConfigureAwait(false);
    }

    private void Run()
    {
        try
        {
            while (_gathering.Next() is { } batch)
            {
                ScoreBatch(batch);
            }

            _stopped.SetResult();
        }
        catch (Exception e)
        {
            // A defect of the batcher itself: callers must not wait for ever.
            _broken = true;
            LogStopped(e);
            _queue.Writer.TryComplete(e);
            foreach (var pending in _gathering.Taken)
            {
                pending.TrySetException(e);
            }

            while (_queue.Reader.TryRead(out var pending))
            {
                pending.TrySetException(e);
            }

            _stopped.SetException(e);
        }
    }

    private void ScoreBatch(List<PendingScore> batch)
    {
        _metrics.Batched(batch.Count);
        foreach (var pending in batch)
        {
            _metrics.Queued(_timeProvider.GetElapsedTime(pending.Arrived));
        }

        if (TryScore(batch) is { } failure)
        {
            if (batch.Count > 1)
            {
                LogBatchFailed(failure, batch.Count);
                foreach (var pending in batch)
                {
                    Settle(pending, TryScore([pending]));
                }
            }
            else
            {
                Settle(batch[0], failure);
            }
        }
    }

    private Exception? TryScore(List<PendingScore> batch)
    {
        try
        {
            var replies = _scorer.Score(batch.ConvertAll(static pending => pending.Request));
            // Before the callers know: what they do next must find it.
            _gathering.Scored(batch.Count);
            for (var i = 0; i < batch.Count; i++)
            {
                batch[i].TrySetResult(replies[i]);
            }

            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }

    private void Settle(PendingScore pending, Exception? failure)
    {
        if (failure is not null)
        {
            _metrics.Failed();
            LogRequestFailed(failure, pending.Request.Rows.Length);
            pending.TrySetException(failure);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A batch of {Requests} requests failed; each is scored alone now")]
    private partial void LogBatchFailed(Exception exception, int requests);

    [LoggerMessage(Level = LogLevel.Error, Message = "A request of {Rows} rows could not be scored")]
    private partial void LogRequestFailed(Exception exception, int rows);

    [LoggerMessage(Level = LogLevel.Critical, Message = "The scorer's thread ended")]
    private partial void LogStopped(Exception exception);
}
