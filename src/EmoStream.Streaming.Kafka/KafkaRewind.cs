using EmoStream.Streaming.Kafka.Ownership;

namespace EmoStream.Streaming.Kafka;

/// <summary>
/// Takes reading back while silos run: events that were delivered are delivered again, in their order, to subscriptions that
/// are active. A keyed service of every silo, under the provider's name; whichever silo reads the partition does it.
/// </summary>
/// <remarks>
/// The committed offset (and the position in a <see cref="KafkaPositionStore"/>) goes back first, so that it is carried out
/// also when the partition's owner dies in the middle. Events that are not done yet come again, too, of all streams of the
/// partition: nothing is skipped.
/// </remarks>
public sealed class KafkaRewind
{
    private static readonly TimeSpan AskPeriod = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _provider;
    private readonly PartitionHolders _holders;
    private readonly Func<int?> _partitions;
    private readonly TimeProvider _time;

    internal KafkaRewind(string provider, PartitionHolders holders, Func<int?> partitions, TimeProvider time) =>
        (_provider, _holders, _partitions, _time) = (provider, holders, partitions, time);

    /// <summary>All streams of a partition get everything again from an offset on.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="offset">The offset; Kafka must still have it.</param>
    /// <param name="cancellationToken">Stops waiting; what was asked for may still be done within ten seconds.</param>
    /// <returns>The offset that is read next: the one asked for, or an earlier one that is not done.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such partition, Kafka has deleted the record, or the offset lies beyond the end.</exception>
    /// <exception cref="TimeoutException">No silo that reads the partition did it within 30 seconds; it may still be done within ten.</exception>
    public Task<long> PartitionAsync(int partition, long offset, CancellationToken cancellationToken = default) =>
        RewindAsync(partition, new(offset, null, null, null), nameof(offset), cancellationToken);

    /// <summary>All streams of a partition get everything again from a time on, by the records' timestamps.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="time">The time of the first record; one before everything that Kafka has is the beginning.</param>
    /// <param name="cancellationToken">Stops waiting; what was asked for may still be done within ten seconds.</param>
    /// <returns>The offset that is read next: the one at that time, or an earlier one that is not done.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such partition.</exception>
    /// <exception cref="TimeoutException">No silo that reads the partition did it within 30 seconds; it may still be done within ten.</exception>
    public Task<long> PartitionAsync(int partition, DateTimeOffset time, CancellationToken cancellationToken = default) =>
        RewindAsync(partition, new(null, time, null, null), nameof(time), cancellationToken);

    /// <summary>One stream gets its events again, from one that it had. A grain may ask this for itself, also in its <c>OnNextAsync</c>.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="token">The token of the first event.</param>
    /// <param name="cancellationToken">Stops waiting; what was asked for may still be done within ten seconds.</param>
    /// <returns>The offset that is read next.</returns>
    /// <exception cref="ArgumentOutOfRangeException">Kafka has deleted the record, or the topic is not the one that the token is of.</exception>
    /// <exception cref="TimeoutException">No silo that reads the partition did it within 30 seconds; it may still be done within ten.</exception>
    public Task<long> StreamAsync(StreamId stream, KafkaSequenceToken token, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(token);
        return int.TryParse(token.Source.AsSpan(token.Source.LastIndexOf('/') + 1), out var partition)
            ? RewindAsync(partition, new(token.Offset, null, token.Source, stream), nameof(token), cancellationToken)
            : throw new ArgumentOutOfRangeException(nameof(token), $"{token.Source} is no partition.");
    }

    private async Task<long> RewindAsync(int partition, RewindTarget target, string parameter, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(partition);
        if (_partitions() is { } count && partition >= count)
        {
            throw new ArgumentOutOfRangeException(target.Source is null ? nameof(partition) : parameter, $"Partition {partition} is not there: the topic has {count}.");
        }
        using var patience = new CancellationTokenSource(Patience, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            while (true)
            {
                if (await _holders.RewindAsync(_provider, partition, target).WaitAsync(either.Token) is { } outcome)
                {
                    return outcome.Refusal is null ? outcome.From : throw new ArgumentOutOfRangeException(parameter, outcome.Refusal);
                }
                // It is on its way from one silo to another, or its position could not be noted.
                await Task.Delay(AskPeriod, _time, either.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"No silo has taken partition {partition} back within {Patience}.");
        }
    }
}
