using System.Diagnostics;
using Confluent.Kafka;

namespace EmoStream.Benchmarks.Load;

/// <summary>Produces a workload as fast as possible or at a rate; lateness counts, because due times are what is recorded.</summary>
internal static class Sender
{
    /// <returns>Stopwatch ticks at which each utterance was due.</returns>
    public static long[] Send(string kafka, string topic, Workload workload, int rate, CancellationToken cancellationToken)
    {
        using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig
        {
            BootstrapServers = kafka,
            EnableIdempotence = true,
            Acks = Acks.All,
            Partitioner = Partitioner.Murmur2Random,
            LingerMs = rate > 0 ? 0 : 5,
            QueueBufferingMaxMessages = 1_000_000,
            QueueBufferingMaxKbytes = 1 << 20,
        }).Build();
        // The producer's own start (connections, metadata, its id, for which it asks again after 500 ms) is no part of anybody's latency.
        using (var admin = new DependentAdminClientBuilder(producer.Handle).Build()) admin.GetMetadata(topic, TimeSpan.FromSeconds(30));
        producer.Produce(topic + ".dlq", new());
        producer.Flush(cancellationToken);
        string? failure = null;
        var due = new long[workload.Values.Length];
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < due.Length; i++)
        {
            due[i] = rate > 0 ? start + (long)((double)i / rate * Stopwatch.Frequency) : Stopwatch.GetTimestamp();
            var wait = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due[i]);
            // Whole milliseconds: rounded up, because what is sent before it is due would look faster than it is.
            if (wait > TimeSpan.Zero && cancellationToken.WaitHandle.WaitOne((int)Math.Ceiling(wait.TotalMilliseconds))) break;
            producer.Produce(
                topic,
                new() { Key = workload.Keys[workload.ConversationOf[i]], Value = workload.Values[i] },
                report => failure ??= report.Error.IsError ? report.Error.Reason : null);
        }

        producer.Flush(cancellationToken);
        return failure is null ? due : throw new InvalidOperationException($"Producing failed: {failure}");
    }
}
