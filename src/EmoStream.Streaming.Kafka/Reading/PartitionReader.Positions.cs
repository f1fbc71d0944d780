using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using ErrorCode = Confluent.Kafka.ErrorCode;

namespace EmoStream.Streaming.Kafka.Reading;

/// <content>Positions that lie with the effects, see <see cref="KafkaPositionStore"/>. Kafka's are told afterwards and never asked.</content>
internal sealed partial class PartitionReader
{
    private const string Undurable = "what lies between is not durable any longer, or another owner had the partition";

    private KafkaPosition? _claimed;
    private string? _claimedSource;
    private IChangeToken? _lost;
    private bool _anew;
    private Task<KafkaAdvance>? _advancing;
    private long _advancingTo;
    private long _advancedAt = context.Time.GetTimestamp();

    private string Source(string topicId) => $"{topicId}/{partition}";

    /// <summary>The store has begun another life, or somebody else had the partition meanwhile.</summary>
    private bool PositionIsOver => _anew || _lost is { HasChanged: true };

    /// <summary>
    /// Takes the partition in the store. When that is in another life than before, what was read so far no longer counts:
    /// reading starts at the claim, and remembers that it has to until it has.
    /// </summary>
    private void Claim(KafkaPositionStore positions, string topicId)
    {
        _advancing = null;
        // Before the claim: what is lost after it must be noticed.
        _lost = positions.Lost;
        var source = Source(topicId);
        // Of a topic that was created anew nothing is held yet.
        var held = _claimedSource == source ? _claimed : null;
        var claimed = positions.ClaimAsync(source, held, _stop.Token).AsTask().GetAwaiter().GetResult();
        _anew |= _claimed?.Fence != claimed?.Fence;
        (_claimed, _claimedSource) = (claimed ?? throw new SupersededException(), source);
    }

    /// <summary>Starts, or starts again, at a position; what is not done of what was read before comes again from there.</summary>
    private void Rewind(IConsumer<byte[]?, byte[]?> consumer, string topicId, long from, Offset high, string why)
    {
        if (tracker.Next is { } next)
        {
            LogRewound(partition, next, from, why);
            context.Metrics.Rewound(partition);
        }
        // Unassigning commits what is stored. The group's offset goes back with the effects, so that its lag is true.
        consumer.Unassign();
        consumer.Commit([new TopicPartitionOffset(_topicPartition, from)]);
        tracker.Rewind(from);
        _origin = new(Source(topicId), _origin.Generation + 1, _claimed?.Fence);
        Assign(consumer, topicId, from, high);
        (_anew, _again) = (false, null);
    }

    /// <summary>So much earlier, by the records' time, as a loss may reach behind a position that was noted before it.</summary>
    private long BeforeLoss(IConsumer<byte[]?, byte[]?> consumer, long position, Offset low)
    {
        if (position <= low || context.Options.RewindMargin == TimeSpan.Zero)
        {
            return position;
        }
        if (LastBefore(consumer, position, low) is not { Message.Timestamp: { Type: not TimestampType.NotAvailable } last })
        {
            return position;
        }
        var time = Math.Max(0, last.UnixTimestampMs - (long)context.Options.RewindMargin.TotalMilliseconds);
        var earlier = consumer.OffsetsForTimes([new(_topicPartition, new Timestamp(time, last.Type))], RequestTimeout)[0].Offset;
        return earlier.IsSpecial ? position : Math.Clamp(earlier.Value, low.Value, position);
    }

    /// <summary>A record shortly before a position, as a rule the last one; right before it may lie the mark of a transaction, which is none.</summary>
    private ConsumeResult<byte[]?, byte[]?>? LastBefore(IConsumer<byte[]?, byte[]?> consumer, long position, Offset low)
    {
        for (var back = 1L; ; back *= 2)
        {
            var from = Math.Max(low, position - back);
            consumer.Assign(new TopicPartitionOffset(_topicPartition, from));
            var found = consumer.Consume(RequestTimeout) ?? throw new KafkaException(ErrorCode.Local_TimedOut);
            if (!found.IsPartitionEOF && found.Offset < position)
            {
                return found;
            }
            if (from == low)
            {
                return null;
            }
        }
    }

    /// <summary>
    /// Has the watermark noted, one note at a time, while reading goes on. Now and then also one that has not moved: the idle,
    /// too, must learn of a loss and of another owner.
    /// </summary>
    /// <returns>An offset that has just been noted; null otherwise.</returns>
    private long? Advance(KafkaPositionStore positions)
    {
        if (_advancing is null)
        {
            var due = tracker.Watermark > _stored ? Tick : context.Options.TopicCheckInterval;
            if (tracker.Watermark is { } watermark && context.Time.GetElapsedTime(_advancedAt) >= due)
            {
                (_advancingTo, _advancedAt) = (watermark, context.Time.GetTimestamp());
                _advancing = positions.AdvanceAsync(_origin.Source, _claimed!, watermark, CancellationToken.None).AsTask();
            }
            return null;
        }
        if (!_advancing.IsCompleted)
        {
            return null;
        }
        var answer = _advancing;
        _advancing = null;
        return IsNoted(answer) ? _advancingTo : null;
    }

    /// <summary>Has an offset noted and waits for it: reading has ended, or is about to go back.</summary>
    private bool AdvanceAtLast(KafkaPositionStore positions, long watermark)
    {
        try
        {
            _advancing?.Wait(RequestTimeout);
        }
        catch (AggregateException)
        {
            // The note that follows covers it.
        }
        var last = positions.AdvanceAsync(_origin.Source, _claimed!, watermark, CancellationToken.None).AsTask();
        // One that takes longer stays the one under way: no other may overtake it.
        (_advancing, _advancingTo) = (last, watermark);
        if (!((IAsyncResult)last).AsyncWaitHandle.WaitOne(RequestTimeout))
        {
            return false;
        }
        _advancing = null;
        return IsNoted(last);
    }

    private bool IsNoted(Task<KafkaAdvance> answer)
    {
        if (answer.Exception is { } failure)
        {
            context.Metrics.CommitFailed(partition);
            LogNotNoted(partition, failure.InnerException!.GetType());
            return false;
        }
        _anew |= answer.Result != KafkaAdvance.Noted;
        return answer.Result == KafkaAdvance.Noted ? true
            : answer.Result == KafkaAdvance.Superseded ? throw new SupersededException()
            : false;
    }

    [LoggerMessage(LogLevel.Warning, "Partition {Partition}: reading was at offset {Next} and goes back to {Offset}: {Why}.")]
    private partial void LogRewound(int partition, long next, long offset, string why);

    [LoggerMessage(LogLevel.Information, "Partition {Partition}: no position is known; everything that Kafka still has is read, from offset {Offset}.")]
    private partial void LogNoPosition(int partition, long offset);

    [LoggerMessage(LogLevel.Warning, "Partition {Partition}: the position was not noted: {Exception}. The next note covers it.")]
    private partial void LogNotNoted(int partition, Type exception);

    [LoggerMessage(LogLevel.Warning, "Partition {Partition}: another owner has claimed it; nothing is read until that one lets go.")]
    private partial void LogSuperseded(int partition);

    /// <summary>A later owner has the partition.</summary>
    private sealed class SupersededException : Exception;
}
