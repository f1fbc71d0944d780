using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using ErrorCode = Confluent.Kafka.ErrorCode;

namespace EmoStream.Streaming.Kafka.Reading;

/// <content>How far the end of the partition is away. It moves on also, and matters most, when the watermark does not.</content>
internal sealed partial class PartitionReader
{
    // The reader's thread waits for the answer, when it has nothing to read anyhow; room that there is meanwhile waits as long.
    private static readonly TimeSpan EndTimeout = TimeSpan.FromMilliseconds(500);

    private long _high = -1;
    private long _fetchedHigh;
    private long _movedAt = context.Time.GetTimestamp();
    private long _movedTo = -1;
    private long _lookedAt;
    private long _heardAt;

    /// <summary>Records between the watermark and the end of the partition; null until both are known.</summary>
    public long? Lag => Volatile.Read(ref _high) is >= 0 and var high && tracker.Watermark is { } watermark ? Math.Max(0, high - watermark) : null;

    /// <summary>How old the oldest record is that was read and is not done, in seconds by its timestamp; 0 without one, null as <see cref="Lag"/>.</summary>
    public double? LagSeconds =>
        Lag is null ? null
        : tracker.OldestTimestampMs is { } oldest ? Math.Max(0, (context.Time.GetUtcNow().ToUnixTimeMilliseconds() - oldest) / 1000.0)
        : 0;

    /// <summary>For how many seconds the watermark has stood still while there was something behind it; null as <see cref="Lag"/>.</summary>
    public double? WatermarkAge => Lag switch
    {
        null => null,
        0 => 0,
        _ => context.Time.GetElapsedTime(Volatile.Read(ref _movedAt)).TotalSeconds,
    };

    private void StartLag(IConsumer<byte[]?, byte[]?> consumer, Offset high)
    {
        // Until something is fetched, what the client remembers may be of the topic's former life.
        _fetchedHigh = FetchedHigh(consumer);
        Heard(high);
    }

    /// <summary>Takes the end that came with the last fetch, now and then: it asks nobody, but takes the client's locks.</summary>
    private void LookAtEnd(IConsumer<byte[]?, byte[]?> consumer)
    {
        if (context.Time.GetElapsedTime(_lookedAt) < Tick)
        {
            return;
        }
        _lookedAt = context.Time.GetTimestamp();
        var high = FetchedHigh(consumer);
        if (high != _fetchedHigh)
        {
            _fetchedHigh = high;
            Heard(high);
        }
    }

    /// <summary>With a full cache nothing is fetched that would tell of the end: asks for it where it was not heard of for long.</summary>
    private void AskForEnd(IConsumer<byte[]?, byte[]?> consumer)
    {
        if (context.Time.GetElapsedTime(_heardAt) < context.Options.TopicCheckInterval)
        {
            return;
        }
        try
        {
            Heard(consumer.QueryWatermarkOffsets(_topicPartition, EndTimeout).High);
        }
        catch (KafkaException e)
        {
            _heardAt = context.Time.GetTimestamp();
            LogNoEnd(partition, e.Error.Code);
        }
    }

    private void Heard(Offset high)
    {
        _heardAt = context.Time.GetTimestamp();
        if (Lag is null or 0)
        {
            // Until now nothing lay behind the watermark: that it stood still meanwhile is not its age.
            Volatile.Write(ref _movedAt, _heardAt);
        }
        Volatile.Write(ref _high, high.Value);
    }

    private long FetchedHigh(IConsumer<byte[]?, byte[]?> consumer) => consumer.GetWatermarkOffsets(_topicPartition).High.Value;

    [LoggerMessage(LogLevel.Debug, "Partition {Partition}: {Error} when asked for its end.")]
    private partial void LogNoEnd(int partition, ErrorCode error);
}
