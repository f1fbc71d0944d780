using System.Threading.Channels;

namespace EmoStream.Inference.Batching;

/// <summary>Decides what goes into the next batch and when it leaves; used by the scorer's thread alone, which it blocks.</summary>
internal sealed class BatchGathering(ChannelReader<PendingScore> queue, InferenceOptions options, TimeProvider timeProvider)
{
    private readonly List<PendingScore> _batch = [];
    private Task<bool>? _arrival;
    private int _utterances;
    private int _lastCount;
    private long _lastEnd;

    /// <summary>What was taken from the queue last; some of it may be answered already.</summary>
    public IReadOnlyList<PendingScore> Taken => _batch;

    /// <summary>The next batch, never empty; null when the queue was completed and is drained. Valid until the next call.</summary>
    public List<PendingScore>? Next()
    {
        do
        {
            (_utterances, _batch.Capacity) = (0, Math.Max(_batch.Capacity, 16));
            _batch.Clear();
            while (_batch.Count == 0)
            {
                if (!WaitForArrival())
                {
                    return null;
                }

                TakeWaiting();
            }

            AwaitCompany(ExpectedCompany());
            _batch.RemoveAll(static pending => pending.Task.IsCompleted);
        }
        while (_batch.Count == 0);

        return _batch;
    }

    /// <summary>To be called when a batch is about to be answered.</summary>
    public void Scored(int requests) => (_lastCount, _lastEnd) = (requests, timeProvider.GetTimestamp());

    private int ExpectedCompany() => timeProvider.GetElapsedTime(_lastEnd, _batch[0].Arrived) <= options.MaxAge ? _lastCount : 1;

    private void AwaitCompany(int expected)
    {
        while (_batch.Count < expected)
        {
            var left = options.MaxAge - timeProvider.GetElapsedTime(_batch[0].Arrived);
            if (left <= TimeSpan.Zero || !WaitForArrival(left) || !TakeWaiting())
            {
                return;
            }
        }
    }

    /// <summary>Moves what waits into the batch; false when the next one does not fit any more. Cancelled requests are dropped here.</summary>
    private bool TakeWaiting()
    {
        while (queue.TryPeek(out var next))
        {
            if (_batch.Count > 0 && _utterances + next.Utterances > options.MaxBatchSize)
            {
                return false;
            }

            queue.TryRead(out _);
            if (!next.Task.IsCompleted)
            {
                _batch.Add(next);
                _utterances += next.Utterances;
            }
        }

        return _utterances < options.MaxBatchSize;
    }

    private bool WaitForArrival()
    {
        var arrival = _arrival ?? queue.WaitToReadAsync().AsTask();
        _arrival = null;
        return arrival.GetAwaiter().GetResult();
    }

    private bool WaitForArrival(TimeSpan atMost)
    {
        // A bounded wait leaves the pending read behind for the next call: a channel allows only one.
        _arrival ??= queue.WaitToReadAsync().AsTask();
        if (!_arrival.IsCompleted)
        {
            using var cancel = new CancellationTokenSource();
            Task.WhenAny(_arrival, Task.Delay(atMost, timeProvider, cancel.Token)).GetAwaiter().GetResult();
            cancel.Cancel();
        }

        return _arrival.IsCompleted && WaitForArrival();
    }
}
