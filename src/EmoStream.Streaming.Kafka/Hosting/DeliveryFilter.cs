using Orleans.Serialization.Invocation;

namespace EmoStream.Streaming.Kafka;

/// <summary>
/// Between the pulling agents and the grains. Sees every call that the silo makes, so it costs the others two checks.
/// <code>
/// delivery    keeps what it failed with: the agent tells neither cache nor failure handler
/// handshake   answered here: "no token of mine", which is all that a grain answers where streams are not rewindable
/// </code>
/// </summary>
/// <remarks>
/// The handshake would be a new stream's first call, and the agent reads nothing of the whole partition until it is answered
/// (dotnet/orleans#10574): every new stream would stop all others for as long as its grain takes to activate, and cost two
/// calls instead of one. The first delivery activates the grain as well, and takes up its subscription.
/// </remarks>
internal sealed class DeliveryFilter(PullingAgents agents) : IOutgoingGrainCallFilter
{
    public Task Invoke(IOutgoingGrainCallContext context)
    {
        if (Delivered(context.Request) is { } batch)
        {
            return DeliverAsync(context, batch);
        }
        if (IsHandshake(context))
        {
            context.Result = null;
            return Task.CompletedTask;
        }
        return context.Invoke();
    }

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
    public static KafkaBatchContainer? Delivered(IInvokable request) =>
        request.GetArgumentCount() > 2 ? request.GetArgument(2) as KafkaBatchContainer : null;

    /// <summary>The name of the provider whose stream such a call delivers to.</summary>
    public static string Provider(IInvokable request) => ((QualifiedStreamId)request.GetArgument(1)!).ProviderName;

    /// <summary><c>IStreamConsumerExtension.GetSequenceToken(subscription, ...)</c> of an agent of ours.</summary>
    private bool IsHandshake(IOutgoingGrainCallContext context) =>
        context.Request.GetMethodName() == "GetSequenceToken" && agents.Contains(context.SourceContext);
}
