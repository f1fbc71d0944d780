using System.Globalization;
using System.Text;
using EmoStream.Contracts;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Inference;
using EmoStream.Silo.Policy;
using EmoStream.Streaming.Kafka;

namespace EmoStream.Silo.Ingest;

/// <summary>
/// Kafka record to utterance event, checked completely: a grain only ever meets events that it can take. The reason for a
/// dead letter names members, never values.
/// </summary>
internal sealed class UtteranceAdapter(PolicyGate policy, ModelDescription model) : KafkaDataAdapter
{
    // Refuses what is no UTF-8: a lossy key would send two conversations to one grain.
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static readonly byte[] StreamNamespace = Utf8.GetBytes(Names.UtteranceStream);

    public override KafkaDecoded Decode(in KafkaRecord record)
    {
        record.TryGetHeader("content-type", out var contentType);
        // An optional header in no readable form is no reason to refuse the utterance: Kafka has a time, too.
        var receivedAt = record.TryGetHeader("ce_time", out var time)
            && DateTimeOffset.TryParse(time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var occurred) ? occurred : record.Timestamp;
        if (UtteranceEventReader.TryRead(record.Value.Span, contentType, out var error, receivedAt) is not { } e) return KafkaDecoded.Reject(error!);
        if (!IsKey(record.Key.Span, e.ConversationId)) return KafkaDecoded.Reject("key-mismatch: the record's key is not its conversationId");
        if (UtteranceEventValidator.ValidateForModel(e, policy.Decide(e).Allowed, model) is { } misfit) return KafkaDecoded.Reject(misfit);
        return KafkaDecoded.Accept(StreamId.Create(StreamNamespace, record.Key.Span), e);
    }

    private static bool IsKey(ReadOnlySpan<byte> key, string conversationId)
    {
        try
        {
            Span<byte> expected = stackalloc byte[4 * UtteranceEventValidator.MaxIdLength];
            return key.SequenceEqual(expected[..Utf8.GetBytes(conversationId, expected)]);
        }
        catch (ArgumentException)
        {
            return false; // half a surrogate pair
        }
    }
}
