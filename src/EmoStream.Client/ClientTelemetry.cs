using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace EmoStream.Client;

/// <summary>Spans and metrics of this library, by OpenTelemetry's messaging conventions; no conversation ever appears in them.</summary>
internal static class ClientTelemetry
{
    private const string Name = "EmoStream.Client";

    private static readonly ActivitySource Source = new(Name);
    private static readonly Meter Meter = new(Name);
    private static readonly Counter<long> SentMessages = Meter.CreateCounter<long>(
        "messaging.client.sent.messages", "{message}", "Utterance events that Kafka acknowledged or refused.");

    public static Activity? StartSend(string topic)
    {
        var activity = Source.StartActivity($"send {topic}", ActivityKind.Producer);
        activity?.SetTag("messaging.system", "kafka");
        activity?.SetTag("messaging.operation.name", "send");
        activity?.SetTag("messaging.operation.type", "send");
        activity?.SetTag("messaging.destination.name", topic);
        return activity;
    }

    public static void Sent(string topic, ErrorCode? error)
    {
        var tags = new TagList
        {
            { "messaging.system", "kafka" },
            { "messaging.operation.name", "send" },
            { "messaging.destination.name", topic },
        };
        if (error is { } code)
        {
            tags.Add("error.type", code.ToString());
        }

        SentMessages.Add(1, tags);
    }
}
