using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using ErrorCode = Confluent.Kafka.ErrorCode;

namespace EmoStream.Streaming.Kafka.Reading;

/// <content>Where reading starts and what is committed.</content>
internal sealed partial class PartitionReader
{
    /// <summary>Where to go on: behind the last record read, else at the committed offset, else at the beginning.</summary>
    private void Position(IConsumer<byte[]?, byte[]?> consumer)
    {
        var range = consumer.QueryWatermarkOffsets(_topicPartition, RequestTimeout);
        var wanted = tracker.Next;
        if (wanted is null)
        {
            var committed = consumer.Committed([_topicPartition], RequestTimeout)[0].Offset;
            wanted = committed.IsSpecial ? range.Low.Value : committed.Value;
        }
        var from = wanted.Value;
        if (from < range.Low)
        {
            // The broker deleted records that nobody had read: retention is shorter than this group was away.
            context.Topics.Refresh();
            LogGap(partition, from, range.Low.Value, range.Low.Value - from);
            context.Metrics.Lost(partition, range.Low.Value - from);
            from = range.Low.Value;
        }
        else if (from > range.High)
        {
            context.Topics.Refresh();
            LogShorter(partition, from, range.High.Value);
            from = range.Low.Value;
        }
        tracker.StartAt(from);
        _source = context.Topics.Source(partition);
        consumer.Assign(new TopicPartitionOffset(_topicPartition, from));
        _stored = from;
        Volatile.Write(ref _high, range.High.Value);
        LogAssigned(partition, from);
    }

    private void Store(IConsumer<byte[]?, byte[]?> consumer)
    {
        if (tracker.Watermark is { } watermark && watermark > _stored)
        {
            consumer.StoreOffset(new TopicPartitionOffset(_topicPartition, watermark));
            _stored = watermark;
            Volatile.Write(ref _high, Math.Max(Volatile.Read(ref _high), consumer.GetWatermarkOffsets(_topicPartition).High.Value));
        }
    }

    private void Commit(IConsumer<byte[]?, byte[]?> consumer)
    {
        if (tracker.Watermark is not { } watermark)
        {
            return;
        }
        // Closing commits what is stored once more: it must not be less than what is committed here.
        Store(consumer);
        try
        {
            consumer.Commit([new TopicPartitionOffset(_topicPartition, watermark)]);
            LogCommitted(partition, watermark);
        }
        catch (KafkaException e)
        {
            CommitFailed(e.Error);
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

    [LoggerMessage(LogLevel.Error, "Partition {Partition}: offset {Wanted} is beyond the end {End}: the topic was recreated or truncated. Reading it from the beginning.")]
    private partial void LogShorter(int partition, long wanted, long end);

    [LoggerMessage(LogLevel.Warning, "Partition {Partition}: committing the offset failed: {Error}. The next commit covers it.")]
    private partial void LogCommitFailed(int partition, ErrorCode error);
}
