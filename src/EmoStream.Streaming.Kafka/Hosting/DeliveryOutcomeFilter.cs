using Orleans.Serialization.Invocation;

namespace EmoStream.Streaming.Kafka;

/// <summary>
/// Keeps what a delivery failed with: the pulling agent tells neither cache nor failure handler. Sees every call that the
/// silo makes, so it costs the others one type check.
/// </summary>
internal sealed class DeliveryOutcomeFilter : IOutgoingGrainCallFilter
{
    public Task Invoke(IOutgoingGrainCallContext context) =>
        Delivered(context.Request) is { } batch ? DeliverAsync(context, batch) : context.Invoke();

    private static async Task DeliverAsync(IOutgoingGrainCallContext context, KafkaBatchContainer batch)
    {
        try
        {
            await context.Invoke();
            batch.Failure = context.Response?.Exception;
        }
        catch (Exception e)
        {
            batch.Failure = e;
            throw;
        }
    }

    /// <summary>The batch of an <c>IStreamConsumerExtension.DeliverBatch(subscription, stream, batch, token, cancellation)</c>, or null.</summary>
    private static KafkaBatchContainer? Delivered(IInvokable request) =>
        request.GetArgumentCount() > 2 ? request.GetArgument(2) as KafkaBatchContainer : null;
}
