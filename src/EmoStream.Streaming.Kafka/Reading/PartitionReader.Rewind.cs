using System.Collections.Concurrent;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka.Ownership;

namespace EmoStream.Streaming.Kafka.Reading;

/// <content>Going back because somebody asked for it, see <see cref="KafkaRewind"/>.</content>
internal sealed partial class PartitionReader
{
    // As long as another silo waits for the answer, see IPartitionHolder: what is older was given up, or is asked for again.
    private static readonly TimeSpan RewindTimeout = TimeSpan.FromSeconds(10);

    private readonly ConcurrentQueue<(RewindTarget Target, long AskedAt, TaskCompletionSource<RewindOutcome?> Done)> _rewinds = new();
    private (StreamId? Stream, long Below, IReadOnlySet<StreamId> Parked)? _again;

    /// <summary>Has the reader's thread go back; null when it could not, and nothing has happened.</summary>
    public Task<RewindOutcome?> RewindAsync(RewindTarget target)
    {
        var done = new TaskCompletionSource<RewindOutcome?>(TaskCreationOptions.RunContinuationsAsynchronously);
        _rewinds.Enqueue((target, context.Time.GetTimestamp(), done));
        if (_ended.Task.IsCompleted)
        {
            LeaveRewinds();
        }
        return done.Task;
    }

    /// <summary>Nobody reads here any longer: whoever asked finds the next owner.</summary>
    private void LeaveRewinds()
    {
        while (_rewinds.TryDequeue(out var asked))
        {
            asked.Done.TrySetResult(null);
        }
    }

    private void RewindWhereAsked(IConsumer<byte[]?, byte[]?> consumer)
    {
        while (_rewinds.TryDequeue(out var asked))
        {
            RewindOutcome? outcome = null;
            try
            {
                outcome = context.Time.GetElapsedTime(asked.AskedAt) < RewindTimeout ? RewindTo(consumer, asked.Target) : null;
            }
            finally
            {
                asked.Done.TrySetResult(outcome);
            }
        }
    }

    /// <summary>Back, and never forward: what is not done is read again in any case.</summary>
    private RewindOutcome? RewindTo(IConsumer<byte[]?, byte[]?> consumer, RewindTarget target)
    {
        // A note that landed later would take the position past what comes again. And what the cache still holds of the time
        // before the last rewind takes no room: several of them at once would have no bound.
        if (_advancing is { IsCompleted: false } || tracker.HoldsEarlier)
        {
            return null;
        }
        var range = consumer.QueryWatermarkOffsets(_topicPartition, RequestTimeout);
        if (target.Source is { } source && source != _origin.Source)
        {
            return new(-1, $"The token is of {source}, and what is read now is {_origin.Source}: another partition, or the topic was recreated.");
        }
        var wanted = target.Offset ?? OffsetAt(consumer, target.Time, range.High);
        if (wanted < range.Low || wanted > range.High)
        {
            return new(-1, $"Offset {wanted} of partition {partition} is not there: Kafka has what lies from {range.Low} up to the end, {range.High}.");
        }
        var below = tracker.Watermark ?? range.Low.Value;
        var from = Math.Max(range.Low.Value, Math.Min(wanted, below));
        if (context.Positions is { } positions)
        {
            // The store first: who takes over in the middle goes on from there.
            if (!AdvanceAtLast(positions, from))
            {
                return null;
            }
        }
        Rewind(consumer, _topicId!, from, range.High, "it was asked to");
        _again = (target.Stream, below, parking?.Streams ?? []);
        return new(from, null);
    }

    private long OffsetAt(IConsumer<byte[]?, byte[]?> consumer, DateTimeOffset? time, Offset high)
    {
        // Negative numbers mean other things to Kafka, such as the end.
        var at = new Timestamp(Math.Max(0, time!.Value.ToUnixTimeMilliseconds()), TimestampType.CreateTime);
        var found = consumer.OffsetsForTimes([new(_topicPartition, at)], RequestTimeout)[0].Offset;
        return found.IsSpecial ? high.Value : found.Value;
    }

    /// <summary>
    /// Whether a record was done when reading went back, and is nothing that was asked for: of another stream, a letter that
    /// the dead-letter topic has, something of a stream that was parked then.
    /// </summary>
    private bool IsDone(long offset, in KafkaDecoded decoded) =>
        _again is { } again && offset < again.Below
        && (decoded.Event is null || (again.Stream is { } stream && stream != decoded.StreamId) || again.Parked.Contains(decoded.StreamId));
}
