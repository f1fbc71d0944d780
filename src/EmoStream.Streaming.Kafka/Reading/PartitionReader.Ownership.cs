using Microsoft.Extensions.Logging;

namespace EmoStream.Streaming.Kafka.Reading;

/// <content>
/// The hand-over of a partition: the former owner finishes what is under way and commits, the next one starts behind that.
/// </content>
internal sealed partial class PartitionReader
{
    private static readonly TimeSpan AskPeriod = TimeSpan.FromMilliseconds(50);

    private bool _holds;

    /// <summary>Waits until nobody else reads the partition, not longer than a former owner may take to finish.</summary>
    private void Hold()
    {
        if (_holds || context.Holders is not { } holders)
        {
            return;
        }
        var (started, kind) = (context.Time.GetTimestamp(), "clean");
        while (holders.IsHeldAsync(context.Name, partition).GetAwaiter().GetResult())
        {
            if (context.Time.GetElapsedTime(started) >= context.Options.HandoverTimeout)
            {
                LogForced(partition);
                kind = "forced";
                break;
            }
            _stop.Token.WaitHandle.WaitOne(AskPeriod);
            _stop.Token.ThrowIfCancellationRequested();
        }
        context.Metrics.HandedOver(partition, kind);
        holders.Held.Add(context.Name, partition, this);
        _holds = true;
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
