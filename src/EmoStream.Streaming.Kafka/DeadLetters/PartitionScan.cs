using Confluent.Kafka;
using ErrorCode = Confluent.Kafka.ErrorCode;

namespace EmoStream.Streaming.Kafka.DeadLetters;

/// <summary>Reads what lies in a partition now, with a client of its own; blocks.</summary>
internal static class PartitionScan
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Reads from an offset (or the first record left, whichever is later) to the end.</summary>
    /// <param name="options">Where Kafka is.</param>
    /// <param name="partition">The partition.</param>
    /// <param name="from">The first offset.</param>
    /// <param name="take">Gets each record; false ends the scan.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="KafkaException">Kafka does not answer, or the partition does not exist.</exception>
    public static void Read(
        KafkaStreamOptions options, TopicPartition partition, long from, Func<ConsumeResult<byte[]?, byte[]?>, bool> take, CancellationToken cancellationToken)
    {
        var config = KafkaStreamContext.ConsumerConfig(options);
        (config.EnableAutoCommit, config.EnablePartitionEof) = (false, true);
        using var consumer = new ConsumerBuilder<byte[]?, byte[]?>(config).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
        var range = consumer.QueryWatermarkOffsets(partition, Patience);
        var next = Math.Max(from, range.Low.Value);
        if (next >= range.High)
        {
            return;
        }
        consumer.Assign(new TopicPartitionOffset(partition, next));
        while (true)
        {
            using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            silence.CancelAfter(Patience);
            ConsumeResult<byte[]?, byte[]?> record;
            try
            {
                record = consumer.Consume(silence.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new KafkaException(ErrorCode.Local_TimedOut);
            }
            if (record.IsPartitionEOF || !take(record) || record.Offset.Value + 1 >= range.High)
            {
                return;
            }
        }
    }
}
