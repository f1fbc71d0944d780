using Confluent.Kafka;
using Confluent.Kafka.Admin;
using EmoStream.Streaming.Kafka.Cache;
using Microsoft.Extensions.Logging;
using ErrorCode = Confluent.Kafka.ErrorCode;

namespace EmoStream.Streaming.Kafka.Reading;

/// <content>Where reading starts and what is committed.</content>
internal sealed partial class PartitionReader
{
    /// <summary>
    /// Kafka forgets what a group without members has committed, also while somebody reads: by default seven days
    /// (<c>offsets.retention.minutes</c>) after the last commit of the partition, which may have no records for longer.
    /// </summary>
    private static readonly TimeSpan CommitAgainAfter = TimeSpan.FromHours(1);

    private string? _topicId;
    private Origin _origin = new("", 0, null);
    private long _low;
    private Task<string>? _asked;
    private long _askedAt;
    private long _storedAt;
    private bool _isGone;

    /// <summary>
    /// Where to go on: behind the last record read, else at the position in the store (without a store the committed
    /// offset), else at the beginning; in a topic that is not the one it was, at the beginning. A store that has begun
    /// another life is asked again.
    /// </summary>
    private void Position(IConsumer<byte[]?, byte[]?> consumer)
    {
        var topicId = context.Topics.TopicIdAsync().GetAwaiter().GetResult();
        if (context.Positions is { } positions)
        {
            Claim(positions, topicId);
        }
        // After the claim: until then a former owner may have advanced the position past an end that was asked for before.
        var range = consumer.QueryWatermarkOffsets(_topicPartition, RequestTimeout);
        _low = range.Low.Value;
        if (_topicId is not null && _topicId != topicId)
        {
            Restart(consumer, topicId, range);
            return;
        }
        var from = _anew ? Claimed(range.Low) : tracker.Next ?? Committed(consumer, range.Low);
        if (from < range.Low)
        {
            // The broker deleted records that nobody had read: retention is shorter than this group was away.
            LogGap(partition, from, range.Low.Value, range.Low.Value - from);
            context.Metrics.Lost(partition, range.Low.Value - from);
            from = range.Low.Value;
        }
        else if (from > range.High)
        {
            LogShorter(partition, from, range.High.Value);
            Restart(consumer, topicId, range);
            return;
        }
        if (_anew)
        {
            Rewind(consumer, topicId, _claimed!.IsSure ? from : BeforeLoss(consumer, from, range.Low), range.High, Undurable);
            return;
        }
        tracker.StartAt(from);
        Assign(consumer, topicId, from, range.High);
    }

    private long Committed(IConsumer<byte[]?, byte[]?> consumer, Offset low)
    {
        var committed = consumer.Committed([_topicPartition], RequestTimeout)[0].Offset;
        return committed.IsSpecial ? low.Value : committed.Value;
    }

    private long Claimed(Offset low)
    {
        if (_claimed!.Offset is { } offset)
        {
            return offset;
        }
        LogNoPosition(partition, low.Value);
        return low.Value;
    }

    /// <summary>
    /// What was read before belongs to another life of the topic. Its offset may have been committed since the new one
    /// began, which the commit here takes back: else a silo that stops now would skip that many records.
    /// </summary>
    private void Restart(IConsumer<byte[]?, byte[]?> consumer, string topicId, WatermarkOffsets range)
    {
        LogRecreated(partition, range.Low.Value);
        if (_anew)
        {
            Rewind(consumer, topicId, range.Low.Value, range.High, Undurable);
            return;
        }
        // Unassigning commits what is stored, of the former life. What fails here is tried again with the next client.
        consumer.Unassign();
        consumer.Commit([new TopicPartitionOffset(_topicPartition, range.Low)]);
        tracker.Restart(range.Low.Value);
        _again = null;
        Assign(consumer, topicId, range.Low.Value, range.High);
    }

    private void Assign(IConsumer<byte[]?, byte[]?> consumer, string topicId, long from, Offset high)
    {
        if (_topicId != topicId)
        {
            (_topicId, _origin) = (topicId, new(Source(topicId), _origin.Generation, _claimed?.Fence));
        }
        _askedAt = context.Time.GetTimestamp();
        consumer.Assign(new TopicPartitionOffset(_topicPartition, from));
        // Nothing is, by this assignment: also what was done before it has to be, and before where reading goes on something may still be undone.
        (_stored, _storedAt) = (-1, _askedAt);
        StartLag(consumer, high);
        LogAssigned(partition, from);
    }

    /// <summary>Asks now and then and goes on reading meanwhile; no answer is no news.</summary>
    private bool TopicWasRecreated()
    {
        if (_asked is null)
        {
            if (context.Time.GetElapsedTime(_askedAt) >= context.Options.TopicCheckInterval)
            {
                _asked = context.Topics.TopicIdAsync();
            }
            return false;
        }
        if (!_asked.IsCompleted)
        {
            return false;
        }
        var answer = _asked;
        (_asked, _askedAt) = (null, context.Time.GetTimestamp());
        if (answer.Exception is not { } failure)
        {
            _isGone = false;
            return answer.Result != _topicId;
        }
        if (!_isGone && failure.InnerException is DescribeTopicsException { Results.TopicDescriptions: [{ Error.Code: ErrorCode.UnknownTopicOrPart }] })
        {
            _isGone = true;
            LogGone(partition, context.Options.Topic);
        }
        return false;
    }

    private void Store(IConsumer<byte[]?, byte[]?> consumer)
    {
        // What the store does not know yet, Kafka must not know either.
        var durable = context.Positions is { } positions ? Advance(positions) : tracker.Watermark;
        if (durable is { } watermark && watermark > _stored)
        {
            consumer.StoreOffset(new TopicPartitionOffset(_topicPartition, watermark));
            (_stored, _storedAt) = (watermark, context.Time.GetTimestamp());
            if (watermark != _movedTo)
            {
                _movedTo = watermark;
                Volatile.Write(ref _movedAt, _storedAt);
            }
        }
        else if (_stored >= 0 && context.Time.GetElapsedTime(_storedAt) > CommitAgainAfter)
        {
            TryCommit(consumer, _stored);
            _storedAt = context.Time.GetTimestamp();
        }
    }

    private void Commit(IConsumer<byte[]?, byte[]?> consumer)
    {
        if (tracker.Watermark is not { } watermark || (context.Positions is { } positions && !AdvanceAtLast(positions, watermark)))
        {
            return;
        }
        // Closing commits what is stored once more: it must not be less than what is committed here.
        if (watermark > _stored)
        {
            consumer.StoreOffset(new TopicPartitionOffset(_topicPartition, watermark));
        }
        if (TryCommit(consumer, watermark))
        {
            LogCommitted(partition, watermark);
        }
    }

    private bool TryCommit(IConsumer<byte[]?, byte[]?> consumer, long offset)
    {
        try
        {
            consumer.Commit([new TopicPartitionOffset(_topicPartition, offset)]);
            return true;
        }
        catch (KafkaException e)
        {
            CommitFailed(e.Error);
            return false;
        }
    }

    private void CommitFailed(Error error)
    {
        context.Metrics.CommitFailed(partition);
        LogCommitFailed(partition, error.Code);
    }

    [LoggerMessage(LogLevel.Information, "Partition {Partition}: reading from offset {Offset}.")]
    private partial void LogAssigned(int partition, long offset);

    [LoggerMessage(LogLevel.Information, "Partition {Partition}: stopped, offset {Offset} committed.")]
    private partial void LogCommitted(int partition, long offset);

    [LoggerMessage(LogLevel.Error, "Partition {Partition}: offset {Wanted} is gone, the first one left is {First}. {Records} records were deleted by the broker before they were read.")]
    private partial void LogGap(int partition, long wanted, long first, long records);

    [LoggerMessage(LogLevel.Error, "Partition {Partition}: offset {Wanted} is beyond the end {End}: the topic was recreated or truncated.")]
    private partial void LogShorter(int partition, long wanted, long end);

    [LoggerMessage(LogLevel.Error, "Partition {Partition}: there is no topic {Topic} any longer. Should it come back, it is read from its beginning.")]
    private partial void LogGone(int partition, string topic);

    [LoggerMessage(LogLevel.Error, "Partition {Partition}: the topic is not the one it was. Reading it from its beginning, offset {Offset}.")]
    private partial void LogRecreated(int partition, long offset);

    [LoggerMessage(LogLevel.Warning, "Partition {Partition}: committing the offset failed: {Error}. It is tried again with the next one.")]
    private partial void LogCommitFailed(int partition, ErrorCode error);
}
