using System.Text.RegularExpressions;
using Orleans.Serialization;

namespace EmoStream.Streaming.Kafka.Cache;

/// <summary>What a failed delivery means: an event that its grain refuses, or a fault that says nothing about the event.</summary>
internal sealed class RetryRules(KafkaStreamOptions options, DeliveryHealth health)
{
    private const double FirstPauseMs = 100;

    /// <summary>Attempts that an event gets in which its grain refuses it; endless without <see cref="KafkaStreamOptions.RetryDelays"/>.</summary>
    public int Attempts => options.RetryDelays.Count == 0 ? int.MaxValue : options.RetryDelays.Count + 1;

    /// <summary>Some stream has taken something.</summary>
    public void Succeeded() => health.Succeeded();

    /// <summary>Whether the failure counts against the event.</summary>
    public bool Counts(StreamId stream, Exception? failure) =>
        options.RetryDelays.Count > 0 && failure is not null && !IsTransient(failure, options) && !health.FailsWithOthers(stream);

    /// <summary>The pause after so many failures that counted (at least one, fewer than <see cref="Attempts"/>).</summary>
    public TimeSpan AfterCounted(int attempts) => options.RetryDelays[attempts - 1];

    /// <summary>
    /// The pause after so many failures in a row that did not count: doubles up to the maximum, with up to a quarter of
    /// jitter so that streams that failed together do not retry together.
    /// </summary>
    public TimeSpan AfterOther(int failures)
    {
        var pause = Math.Min(options.MaxRetryDelay.TotalMilliseconds, FirstPauseMs * Math.Pow(2, Math.Min(failures - 1, 30)));
        return TimeSpan.FromMilliseconds(pause * (1 - (Random.Shared.NextDouble() / 4)));
    }

    /// <summary>
    /// Time-outs, cancellations, silos that went and what the host names; by the grain's silo where the call got so far. A grain that
    /// cannot activate fails with what it threw, and counts: one that never can must not hold its partition for ever.
    /// </summary>
    public static bool IsTransient(Exception failure, KafkaStreamOptions options) => failure switch
    {
        DeliveryFailedException judged => judged.IsTransient,
        RegexMatchTimeoutException => options.IsTransient(failure), // says something about the text, and as a rule nothing about what many streams share
        TimeoutException or OperationCanceledException or OrleansException => true,
        _ => options.IsTransient(failure),
    };

    /// <summary>The type's name, also of an exception that this silo does not know; never its message, which may quote the event.</summary>
    public static string NameOf(Exception failure) => failure switch
    {
        DeliveryFailedException judged => judged.FailedWith,
        UnavailableExceptionFallbackException unknown => unknown.ExceptionType ?? "unknown",
        _ => failure.GetType().FullName ?? failure.GetType().Name,
    };
}
