using System.Runtime.ExceptionServices;
using EmoStream.Streaming.Kafka.Cache;

namespace EmoStream.Streaming.Kafka;

/// <summary>What a grain failed with, as its own silo judges it: the type and the trace, without the message, which may quote the event.</summary>
/// <param name="failedWith">The type's name.</param>
/// <param name="isTransient">Whether it says nothing about the event.</param>
[GenerateSerializer, Alias("EmoStream.Streaming.Kafka.DeliveryFailedException")]
internal sealed class DeliveryFailedException(string failedWith, bool isTransient) : Exception($"The grain failed with {failedWith}.")
{
    [Id(0)]
    public string FailedWith { get; } = failedWith;

    [Id(1)]
    public bool IsTransient { get; } = isTransient;

    public static DeliveryFailedException Of(Exception failure, KafkaStreamOptions options)
    {
        var judged = new DeliveryFailedException(RetryRules.NameOf(failure), RetryRules.IsTransient(failure, options));
        return failure.StackTrace is { } trace ? (DeliveryFailedException)ExceptionDispatchInfo.SetRemoteStackTrace(judged, trace) : judged;
    }
}
