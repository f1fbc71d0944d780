using EmoStream.Contracts.Events;

namespace EmoStream.Cli.Replay;

/// <summary>
/// Holds events back until their time has come: a conversation's clock starts with its first event that has a time, and
/// runs <c>speed</c> times as fast as the wall clock. Events without a time follow at once.
/// </summary>
/// <param name="timeProvider">The clock.</param>
/// <param name="speed">How much faster than real time; null sends everything at once.</param>
internal sealed class ReplayPacer(TimeProvider timeProvider, double? speed)
{
    // Timers take no more than 49 days.
    private static readonly TimeSpan LongestDelay = TimeSpan.FromDays(1);

    private readonly Dictionary<string, (long Timestamp, long FirstMs)> _origins = [];

    /// <summary>Completes when the event is due.</summary>
    public async Task WaitAsync(UtteranceEvent e, CancellationToken cancellationToken)
    {
        if (speed is not { } factor || e.StartMs is not { } startMs)
        {
            return;
        }

        if (!_origins.TryGetValue(e.ConversationId, out var origin))
        {
            _origins.Add(e.ConversationId, (timeProvider.GetTimestamp(), startMs));
            return;
        }

        var dueMs = ((double)startMs - origin.FirstMs) / factor;
        var due = dueMs <= 0 ? TimeSpan.Zero
            : dueMs >= TimeSpan.MaxValue.TotalMilliseconds ? TimeSpan.MaxValue
            : TimeSpan.FromMilliseconds(dueMs);
        var wait = due - timeProvider.GetElapsedTime(origin.Timestamp);
        while (wait > LongestDelay)
        {
            await Task.Delay(LongestDelay, timeProvider, cancellationToken);
            wait = due - timeProvider.GetElapsedTime(origin.Timestamp);
        }

        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait, timeProvider, cancellationToken);
        }
    }
}
