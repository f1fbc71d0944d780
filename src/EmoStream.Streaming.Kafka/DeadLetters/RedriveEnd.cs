using Confluent.Kafka;

namespace EmoStream.Streaming.Kafka.DeadLetters;

/// <summary>Takes an event's place behind the last record of a parked stream that was sent again; no grain sees it.</summary>
/// <param name="StreamId">The stream.</param>
/// <param name="Since">Which parking it is about: <see cref="ParkedState.Since"/>.</param>
/// <param name="Last">What <see cref="ParkedState.Last"/> was when the records were sent: when it is so still, none is missing.</param>
internal sealed record RedriveEnd(StreamId StreamId, string Since, string Last)
{
    /// <summary>Null for records that are no such end.</summary>
    public static RedriveEnd? Of(Headers? headers) =>
        DeadLetterHeaders.Text(headers, DeadLetterHeaders.RedriveEnd) is { } last
        && DeadLetterHeaders.Text(headers, DeadLetterHeaders.Redrive) is { } since
        && ParkedState.StreamOf(DeadLetterHeaders.Bytes(headers, DeadLetterHeaders.RedriveStream)) is { } stream
            ? new(stream, since, last)
            : null;
}
