using Orleans.Streams;
using Orleans.Streams.Core;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>Events of two classes in one stream; the grain takes what they have in common.</summary>
public interface IMixed;

[GenerateSerializer, Immutable]
public sealed record Opened([property: Id(0)] string By) : IMixed;

[GenerateSerializer, Immutable]
public sealed record Closed([property: Id(0)] int After) : IMixed;

/// <summary>Tells the probe each event, and the request context it came with.</summary>
[ImplicitStreamSubscription(Namespace)]
public sealed class MixedGrain(Probe probe) : Grain, IGrainWithStringKey, IStreamSubscriptionObserver, IAsyncBatchObserver<IMixed>
{
    public const string Namespace = "mixed";

    public Task OnSubscribed(IStreamSubscriptionHandleFactory handleFactory) => handleFactory.Create<IMixed>().ResumeAsync(this);

    public Task OnNextAsync(IList<SequentialItem<IMixed>> items) => probe.DeliverAsync(
        this.GetPrimaryKeyString(),
        [.. items.Select(item => new SequentialItem<string>($"{item.Item} of {RequestContext.Get("tenant") ?? "nobody"}", item.Token))]);

    public Task OnErrorAsync(Exception ex) => Task.CompletedTask;
}
