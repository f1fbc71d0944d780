using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Confluent.Kafka;
using EmoStream.Contracts;
using EmoStream.Contracts.Events;
using Microsoft.Extensions.Options;

namespace EmoStream.Client.Produce;

/// <summary>
/// Puts utterance events on the Kafka topic: idempotent, acknowledged by all replicas, keyed by conversation.
/// <code>
/// ProduceAsync ──► bounded channel ──► pump: librdkafka's queue ──► Kafka
///   waits when full      keeps call order      waits when full        acknowledges ──► ProduceAsync returns
/// </code>
/// Events of one conversation keep the order in which <see cref="ProduceAsync"/> was called. Thread-safe; keep one per process.
/// </summary>
public sealed class UtteranceProducer : IAsyncDisposable
{
    private readonly UtteranceProducerOptions _options;
    private readonly TimeProvider _timeProvider;
    private readonly IProducer<byte[], byte[]> _producer;
    private readonly IAdminClient _admin;
    private readonly Channel<Pending> _waiting;
    // An auto-reset event: "librdkafka's queue has shrunk since it was last full".
    private readonly Channel<bool> _room = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Task _pump;

    /// <summary>Starts a producer; the first connection is made in the background.</summary>
    /// <param name="options">Where and how.</param>
    /// <param name="timeProvider">Clock of <c>ce_time</c>; null means the system's.</param>
    public UtteranceProducer(IOptions<UtteranceProducerOptions> options, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options.Value;
        _timeProvider = timeProvider ?? TimeProvider.System;
        _producer = new ProducerBuilder<byte[], byte[]>(ProducerSettings.From(_options))
            // librdkafka prints to stderr otherwise; what matters reaches the caller as an exception.
            .SetLogHandler((_, _) => { })
            .SetErrorHandler((_, _) => { })
            .Build();
        _admin = new DependentAdminClientBuilder(_producer.Handle).Build();
        _waiting = Channel.CreateBounded<Pending>(new BoundedChannelOptions(_options.QueueCapacity) { SingleReader = true });
        _pump = Task.Run(PumpAsync);
    }

    /// <summary>Produces one event and waits until all in-sync replicas have it. Waits, too, while the local queue is full.</summary>
    /// <param name="utterance">The event; validated before anything is sent.</param>
    /// <param name="cancellationToken">Gives up waiting; an event that is already on its way may still arrive.</param>
    /// <returns>Where the record lies.</returns>
    /// <exception cref="ArgumentException">The event is not valid; the message says why without quoting it.</exception>
    /// <exception cref="UtteranceDeliveryException">Kafka did not acknowledge the event in time, or refused it.</exception>
    /// <exception cref="ObjectDisposedException">The producer has been disposed.</exception>
    public async Task<RecordPosition> ProduceAsync(UtteranceEvent utterance, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(utterance);
        if (UtteranceEventValidator.Validate(utterance) is { } reason)
        {
            throw new ArgumentException(reason, nameof(utterance));
        }

        using var activity = ClientTelemetry.StartSend(_options.Topic);
        var value = JsonSerializer.SerializeToUtf8Bytes(utterance, ContractsJson.Default.UtteranceEvent);
        if (value.Length > _options.MaxRecordBytes)
        {
            throw new UtteranceDeliveryException(ErrorCode.MsgSizeTooLarge, $"{value.Length} bytes, at most {_options.MaxRecordBytes} are allowed");
        }

        var pending = new Pending(new Message<byte[], byte[]>
        {
            Key = Encoding.UTF8.GetBytes(utterance.ConversationId),
            Value = value,
            Headers = RecordHeaders.For(utterance, _options.Source, _timeProvider.GetUtcNow(), activity ?? Activity.Current),
        });
        await EnqueueAsync(pending, cancellationToken).ConfigureAwait(false);
        try
        {
            var position = await pending.Delivery.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            ClientTelemetry.Sent(_options.Topic, error: null);
            return position;
        }
        catch (UtteranceDeliveryException e)
        {
            activity?.SetStatus(ActivityStatusCode.Error);
            ClientTelemetry.Sent(_options.Topic, e.Code);
            throw;
        }
    }

    /// <summary>Waits until everything that was produced before this call has been acknowledged or has failed.</summary>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <exception cref="ObjectDisposedException">The producer has been disposed.</exception>
    public async Task FlushAsync(CancellationToken cancellationToken = default)
    {
        var marker = new Pending(Message: null);
        await EnqueueAsync(marker, cancellationToken).ConfigureAwait(false);
        await marker.Delivery.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        await Task.Run(() => _producer.Flush(cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Asks Kafka for the cluster's metadata.</summary>
    /// <param name="timeout">How long to wait for an answer.</param>
    /// <exception cref="UtteranceDeliveryException">No broker answered in time.</exception>
    public async Task PingAsync(TimeSpan timeout)
    {
        try
        {
            await Task.Run(() => _admin.GetMetadata(timeout)).ConfigureAwait(false);
        }
        catch (KafkaException e)
        {
            throw new UtteranceDeliveryException(e.Error.Code, "no broker answered", e);
        }
    }

    /// <summary>Sends what is waiting, at most for <see cref="UtteranceProducerOptions.DeliveryTimeout"/>, and closes the connections.</summary>
    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        await _pump.ConfigureAwait(false);
        await Task.Run(() => _producer.Flush(_options.DeliveryTimeout)).ConfigureAwait(false);
        _admin.Dispose();
        _producer.Dispose();
    }

    private async ValueTask EnqueueAsync(Pending pending, CancellationToken cancellationToken)
    {
        try
        {
            await _waiting.Writer.WriteAsync(pending, cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            throw new ObjectDisposedException(nameof(UtteranceProducer));
        }
    }

    private async Task PumpAsync()
    {
        await foreach (var pending in _waiting.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            if (pending.Message is null)
            {
                pending.Delivery.TrySetResult(default);
                continue;
            }

            while (!TryHandOver(pending))
            {
                await _room.Reader.ReadAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>False when librdkafka's queue is full: something is in flight then, and its delivery report makes room.</summary>
    private bool TryHandOver(Pending pending)
    {
        try
        {
            _producer.Produce(_options.Topic, pending.Message, report => Complete(pending, report));
        }
        catch (KafkaException e) when (e.Error.Code == ErrorCode.Local_QueueFull)
        {
            return false;
        }
        catch (Exception e) when (e is KafkaException or InvalidOperationException or ArgumentException)
        {
            var error = (e as KafkaException)?.Error ?? new Error(ErrorCode.Local_Fail);
            pending.Delivery.TrySetException(new UtteranceDeliveryException(error.Code, error.Reason, e));
        }

        return true;
    }

    private void Complete(Pending pending, DeliveryReport<byte[], byte[]> report)
    {
        _room.Writer.TryWrite(true);
        if (report.Error.IsError)
        {
            pending.Delivery.TrySetException(new UtteranceDeliveryException(report.Error.Code, report.Error.Reason));
        }
        else
        {
            pending.Delivery.TrySetResult(new RecordPosition(report.Partition.Value, report.Offset.Value));
        }
    }

    private sealed record Pending(Message<byte[], byte[]>? Message)
    {
        // Continuations must not run on librdkafka's delivery thread: they would hold up every other report.
        public TaskCompletionSource<RecordPosition> Delivery { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
