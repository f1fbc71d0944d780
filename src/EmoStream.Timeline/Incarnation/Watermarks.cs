using StackExchange.Redis;

namespace EmoStream.Timeline.Incarnation;

/// <summary>
/// How far each partition of the source is on the timelines, kept where they are: Redis loses the end of what was written, so
/// a watermark that is still there says that everything it covers is, too.
/// </summary>
public sealed class Watermarks(RedisIncarnation incarnation, TimeProvider timeProvider)
{
    /// <summary>Signals that another life of Redis has begun: claim again.</summary>
    public Microsoft.Extensions.Primitives.IChangeToken Lost => incarnation.Lost;

    /// <summary>Takes a partition over; earlier owners cannot advance its watermark any longer.</summary>
    /// <param name="source">The partition, as in <see cref="Commit.TimelineCommit.Source"/>.</param>
    /// <param name="held">The number of an owner that claims anew what it holds; null when it takes the partition over.</param>
    /// <returns>Null when a later owner than the one that holds it has claimed the partition.</returns>
    public async Task<Watermark?> ClaimAsync(string source, long? held = null)
    {
        while (true)
        {
            var life = await incarnation.CurrentAsync();
            var now = timeProvider.GetUtcNow().ToUnixTimeMilliseconds();
            if (await incarnation.EvaluateAsync(l => l.Claim, [RedisKeys.Watermark(source)], [now, held ?? RedisValue.EmptyString], life.Id) is { } reply)
            {
                if (reply.IsNull)
                {
                    return null;
                }

                var (epoch, offset, notedIn) = ((long)reply[0], (long?)reply[1], (string?)reply[2]);
                return new Watermark(life.Id, epoch, offset, IsSure: offset is null || notedIn == life.Id);
            }
        }
    }

    /// <summary>Everything of a partition below an offset is on the timelines.</summary>
    /// <param name="source">The partition.</param>
    /// <param name="life">The life in which that is so, from <see cref="ClaimAsync"/>.</param>
    /// <param name="epoch">The owner's number, from <see cref="ClaimAsync"/>.</param>
    /// <param name="offset">The first offset that is not.</param>
    /// <returns>True when noted; false when a later owner has claimed the partition; null when the life is over.</returns>
    public async Task<bool?> AdvanceAsync(string source, string life, long epoch, long offset) =>
        (bool?)await incarnation.EvaluateAsync(l => l.Advance, [RedisKeys.Watermark(source)], [epoch, offset, life], life);
}

/// <summary>A partition's place.</summary>
/// <param name="Life">The present life of Redis.</param>
/// <param name="Epoch">The new owner's number.</param>
/// <param name="Offset">The first offset that is not on the timelines; null when nothing is known of the partition.</param>
/// <param name="IsSure">False when it was noted in a life that is over, and whose end may have taken more than the end of what was written.</param>
public sealed record Watermark(string Life, long Epoch, long? Offset, bool IsSure);
