using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Orleans.Storage;

namespace EmoStream.Streaming.Kafka;

/// <summary>
/// On the grain's side of a delivery: what it fails with is judged where its type is known. What data stores throw rarely gets
/// to another silo as what it is, and some of it (with a value of an unknown type in <see cref="Exception.Data"/>) not at all: there it
/// would look like an event that the grain refuses.
/// </summary>
internal sealed class FailureFilter(IOptionsMonitor<KafkaStreamOptions> options) : IIncomingGrainCallFilter
{
    // As they were when first asked: what is wrong in a configuration that was read again since is no failure of an event.
    private readonly ConcurrentDictionary<string, KafkaStreamOptions> _options = new();

    public Task Invoke(IIncomingGrainCallContext context) =>
        DeliveryFilter.Delivered(context.Request) is null ? context.Invoke() : DeliverAsync(context);

    private async Task DeliverAsync(IIncomingGrainCallContext context)
    {
        try
        {
            await context.Invoke();
        }
        // Orleans deactivates a grain by its inconsistent state, and knows that exception everywhere.
        catch (Exception e) when (e is not InconsistentStateException)
        {
            throw DeliveryFailedException.Of(e, _options.GetOrAdd(DeliveryFilter.Provider(context.Request), options.Get));
        }
    }
}
