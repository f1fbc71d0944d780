using Microsoft.Extensions.Logging;

namespace EmoStream.Streaming.Kafka.Reading;

/// <content>
/// The hand-over of a partition: the former owner finishes what is under way and commits, the next one starts behind that.
/// </content>
internal sealed partial class PartitionReader
{
    private static readonly TimeSpan AskPeriod = TimeSpan.FromMilliseconds(50);
    // Of who was superseded: it may wait for as long as the later owner lives.
    private static readonly TimeSpan PatientAskPeriod = TimeSpan.FromMilliseconds(500);

    private bool _holds;
    private bool _superseded;

    /// <summary>
    /// Waits until nobody else reads the partition, not longer than a former owner may take to finish. Who was superseded is
    /// the former owner itself, and takes nothing by force: two that did would fence each other without end.
    /// </summary>
    private void Hold()
    {
        if (_holds || context.Holders is not { } holders)
        {
            return;
        }
        var (started, kind) = (context.Time.GetTimestamp(), "clean");
        while (holders.IsHeldAsync(context.Name, partition).WaitAsync(_stop.Token).GetAwaiter().GetResult())
        {
            // A wait without end must not be one for them.
            LeaveRewinds();
            if (!_superseded && context.Time.GetElapsedTime(started) >= context.Options.HandoverTimeout)
            {
                LogForced(partition);
                kind = "forced";
                break;
            }
            _stop.Token.WaitHandle.WaitOne(_superseded ? PatientAskPeriod : AskPeriod);
            _stop.Token.ThrowIfCancellationRequested();
        }
        context.Metrics.HandedOver(partition, kind);
        holders.Held.Add(context.Name, partition, this);
        (_holds, _superseded) = (true, false);
    }

    private void LetGo()
    {
        if (_holds)
        {
            _holds = false;
            context.Holders!.Held.Remove(context.Name, partition, this);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Partition {Partition}: its former owner lives and does not let go; taken by force.")]
    private partial void LogForced(int partition);
}
