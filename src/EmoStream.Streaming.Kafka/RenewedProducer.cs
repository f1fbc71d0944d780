using Confluent.Kafka;
using ErrorCode = Confluent.Kafka.ErrorCode;

namespace EmoStream.Streaming.Kafka;

/// <summary>A producer that outlives fatal errors: an idempotent client does not recover from one, so the next record gets a new client.</summary>
/// <param name="config">Of every client.</param>
/// <param name="log">Takes what the clients log.</param>
internal sealed class RenewedProducer(ProducerConfig config, Action<LogMessage> log) : IDisposable
{
    // What failed with the client still has to be told so; that takes no broker.
    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private IProducer<byte[]?, byte[]?>? _producer;
    private bool _disposed;

    /// <summary>Returns when Kafka has acknowledged the record. Records are sent in the order of the calls.</summary>
    /// <param name="partition">The topic, and the partition or <see cref="Partition.Any"/>.</param>
    /// <param name="message">The record.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <exception cref="KafkaException">Kafka did not take it; after a fatal error, too, the next call may succeed.</exception>
    /// <exception cref="ObjectDisposedException">The host has ended.</exception>
    public async Task ProduceAsync(TopicPartition partition, Message<byte[]?, byte[]?> message, CancellationToken cancellationToken = default)
    {
        var producer = Current();
        try
        {
            await producer.ProduceAsync(partition, message, cancellationToken).ConfigureAwait(false);
        }
        catch (KafkaException e) when (e.Error.IsFatal)
        {
            Renew(producer);
            throw;
        }
        catch (ObjectDisposedException) when (!Volatile.Read(ref _disposed))
        {
            throw new KafkaException(new Error(ErrorCode.Local_Destroy)); // renewed by another call in between
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _producer?.Dispose();
            _producer = null;
        }
    }

    private IProducer<byte[]?, byte[]?> Current()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _producer ??= new ProducerBuilder<byte[]?, byte[]?>(config).SetLogHandler((_, message) => log(message)).Build();
        }
    }

    private void Renew(IProducer<byte[]?, byte[]?> broken)
    {
        lock (_lock)
        {
            if (!ReferenceEquals(_producer, broken))
            {
                return;
            }
            _producer = null;
        }
        // Not at once: calls of others may still wait for this client's answers, and a client that is disposed of gives none.
        _ = Task.Run(() =>
        {
            using (broken)
            {
                broken.Flush(DrainTimeout);
            }
        });
    }
}
