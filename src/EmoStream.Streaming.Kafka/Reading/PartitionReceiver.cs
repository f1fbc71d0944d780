using System.Threading.Channels;
using EmoStream.Streaming.Kafka.Cache;
using Orleans.Streams;

namespace EmoStream.Streaming.Kafka.Reading;

/// <summary>
/// The pulling agent's end of a <see cref="PartitionReader"/>: waits for the first record, takes what is there. The channel
/// has no bound of its own because the tracker bounds everything that is read and not done.
/// </summary>
internal sealed class PartitionReceiver(KafkaStreamContext context, int partition, OffsetTracker tracker, PartitionCache cache)
    : IQueueAdapterReceiver
{
    private readonly Channel<IBatchContainer> _channel =
        Channel.CreateUnbounded<IBatchContainer>(new() { SingleReader = true, SingleWriter = true });
    private volatile PartitionReader? _reader;
    private volatile bool _abandoned;
    private long _announced = context.Time.GetTimestamp();

    /// <summary>Returns at once: the reader's thread connects, and tries again until it can.</summary>
    public Task Initialize(TimeSpan timeout)
    {
        _reader = new PartitionReader(context, partition, tracker, _channel.Writer, cache.Parking);
        _reader.Start();
        // The host may be disposed of at this moment.
        return _abandoned ? _reader.AbandonAsync() : Task.CompletedTask;
    }

    public Task<IList<IBatchContainer>> GetQueueMessagesAsync(int maxCount) => GetQueueMessagesAsync(maxCount, CancellationToken.None);

    /// <summary>
    /// Empty after <see cref="KafkaStreamOptions.LongPoll"/>, so that the agent gets to its housekeeping, and when the agent
    /// stops: what is still in the channel was not committed and comes again.
    /// </summary>
    public async Task<IList<IBatchContainer>> GetQueueMessagesAsync(int maxCount, CancellationToken cancellationToken)
    {
        var batch = new List<IBatchContainer>();
        cache.AnnounceRetries(batch);
        if (batch.Count > 0)
        {
            return batch;
        }
        if (context.Time.GetElapsedTime(_announced) >= context.Options.LongPoll)
        {
            // Not on every read: what nobody takes at once must not turn the agent's loop into a busy one.
            _announced = context.Time.GetTimestamp();
            cache.Announce(batch);
            if (batch.Count > 0)
            {
                return batch;
            }
        }
        if (!_channel.Reader.TryRead(out var item))
        {
            var pause = cache.StartWait(context.Options.LongPoll);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(pause.Token, cancellationToken);
            try
            {
                if (!await _channel.Reader.WaitToReadAsync(either.Token) || !_channel.Reader.TryRead(out item))
                {
                    return batch;
                }
            }
            catch (OperationCanceledException)
            {
                cache.AnnounceRetries(batch);
                return batch;
            }
            finally
            {
                cache.EndWait();
            }
        }
        do
        {
            batch.Add(item);
        }
        while (batch.Count < maxCount && _channel.Reader.TryRead(out item));
        return batch;
    }

    /// <summary>Nothing to do: finished events reach the tracker from the cache.</summary>
    public Task MessagesDeliveredAsync(IList<IBatchContainer> messages) => Task.CompletedTask;

    /// <summary>The agent has let the deliveries under way end. Committed is what they have taken, then the partition is free.</summary>
    public async Task Shutdown(TimeSpan timeout)
    {
        cache.SettleClosed();
        if (_reader is { } reader)
        {
            await reader.StopAsync(timeout);
        }
    }

    /// <summary>The host is disposed of, with or without a shutdown before: no thread may stay behind.</summary>
    public Task AbandonAsync()
    {
        _abandoned = true;
        cache.Parking.Stop();
        return _reader?.AbandonAsync() ?? Task.CompletedTask;
    }
}
