using System.Diagnostics;
using System.Globalization;
using System.Text;
using Confluent.Kafka;
using EmoStream.Contracts.Events;

namespace EmoStream.Client.Produce;

/// <summary>The headers of an utterance record: content type, CloudEvents in binary mode, W3C trace context.</summary>
/// <example>
/// <code>
/// content-type: application/json       ce_specversion: 1.0         ce_type: emostream.utterance
/// ce_id: 019371a2-...                  ce_source: urn:acme:asr     ce_time: 2026-11-22T18:20:05.1234567Z
/// traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
/// </code>
/// </example>
internal static class RecordHeaders
{
    public static Headers For(UtteranceEvent utterance, string source, DateTimeOffset now, Activity? activity)
    {
        var headers = new Headers
        {
            { "content-type", "application/json"u8.ToArray() },
            { "ce_specversion", "1.0"u8.ToArray() },
            { "ce_id", Utf8(Guid.CreateVersion7(now).ToString()) },
            { "ce_type", Type(utterance.Kind) },
            { "ce_source", Utf8(source) },
            { "ce_time", Utf8((utterance.ReceivedAt ?? now).UtcDateTime.ToString("O", CultureInfo.InvariantCulture)) },
        };
        if (activity is { IdFormat: ActivityIdFormat.W3C, Id: { } traceparent })
        {
            headers.Add("traceparent", Utf8(traceparent));
            if (!string.IsNullOrEmpty(activity.TraceStateString))
            {
                headers.Add("tracestate", Utf8(activity.TraceStateString));
            }
        }

        return headers;
    }

    private static byte[] Type(UtteranceKind kind) => kind switch
    {
        UtteranceKind.Revision => "emostream.revision"u8.ToArray(),
        UtteranceKind.Retraction => "emostream.retraction"u8.ToArray(),
        UtteranceKind.End => "emostream.end"u8.ToArray(),
        _ => "emostream.utterance"u8.ToArray(),
    };

    private static byte[] Utf8(string value) => Encoding.UTF8.GetBytes(value);
}
