namespace EmoStream.Silo.Conversations;

/// <summary>
/// How many utterances this silo scores and commits at once; further batches wait in the order of their arrival. Of a
/// backlog thousands of conversations would be half done at the same time: all that each of them holds meanwhile
/// outlives the collector's youngest generation, and collecting it took two fifths of the CPU time.
/// </summary>
internal sealed class WorkLimit
{
    /// <summary>Enough for a model to fill its batches from, and for the round trips to Redis to overlap.</summary>
    public const int Utterances = 512;

    private readonly Lock _lock = new();
    private readonly Queue<(int Utterances, TaskCompletionSource Turn)> _waiting = new();
    private int _free = Utterances;

    /// <summary>Returns when there is room for a batch; one that is larger than everything takes everything.</summary>
    public Task EnterAsync(int utterances)
    {
        utterances = Math.Min(utterances, Utterances);
        lock (_lock)
        {
            if (_waiting.Count == 0 && utterances <= _free)
            {
                _free -= utterances;
                return Task.CompletedTask;
            }

            var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue((utterances, turn));
            return turn.Task;
        }
    }

    /// <summary>The batch is done, however it ended.</summary>
    public void Leave(int utterances)
    {
        lock (_lock)
        {
            _free += Math.Min(utterances, Utterances);
            while (_waiting.TryPeek(out var next) && next.Utterances <= _free)
            {
                _free -= next.Utterances;
                _waiting.Dequeue().Turn.SetResult();
            }
        }
    }
}
