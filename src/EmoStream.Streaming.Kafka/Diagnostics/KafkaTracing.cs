using System.Diagnostics;

namespace EmoStream.Streaming.Kafka;

/// <summary>
/// The trace of a record, from the header that its producer wrote to what its grain does: the reader keeps
/// <c>traceparent</c>, the delivery carries it to the grain, wherever that is, and the grain begins a span with it. Spans name
/// no stream and no key: those are people's.
/// </summary>
public static class KafkaTracing
{
    /// <summary>The name of the activity source.</summary>
    public const string SourceName = "EmoStream.Streaming.Kafka";

    internal const string Header = "traceparent";
    private const string ContextKey = "emostream.kafka.traceparents";
    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>Whether headers are worth keeping.</summary>
    internal static bool IsListened => Source.HasListeners();

    /// <summary>
    /// Begins the span of a delivery; to be called by a grain in its <c>OnNextAsync</c>. One trace is continued; several, of
    /// events that were delivered together, are linked to a trace of its own.
    /// </summary>
    /// <returns>The span, to be disposed of when the delivery is done; null when nobody listens.</returns>
    public static Activity? StartProcess()
    {
        if (!Source.HasListeners())
        {
            return null;
        }
        var parents = new List<ActivityContext>();
        foreach (var header in RequestContext.Get(ContextKey) as string[] ?? [])
        {
            if (ActivityContext.TryParse(header, null, isRemote: true, out var parent))
            {
                parents.Add(parent);
            }
        }
        // Without a parent of its own the span must not become a child of whatever the scheduler had last.
        var activity = parents.Count == 1
            ? Source.StartActivity("process", ActivityKind.Consumer, parents[0])
            : Source.StartActivity("process", ActivityKind.Consumer, default(ActivityContext), links: parents.Select(parent => new ActivityLink(parent)));
        return activity?.SetTag("messaging.system", "kafka").SetTag("messaging.operation.type", "process");
    }

    /// <summary>Sends the traces with the grain call that follows.</summary>
    internal static bool Export(string[]? parents)
    {
        if (parents is null)
        {
            return false;
        }
        RequestContext.Set(ContextKey, parents);
        return true;
    }
}
