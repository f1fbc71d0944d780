using System.Text.Json.Serialization;

namespace EmoStream.Contracts.Events;

/// <summary>
/// One record of the topic <see cref="Names.UtterancesTopic"/>: something that happened in a conversation.
/// The order of a conversation's records in Kafka is the order of the conversation.
/// </summary>
/// <example>
/// <code>
/// {"conversationId":"standup-7","utteranceId":"u3","kind":"utterance","speaker":{"id":"s2","role":"participant","displayName":"Ana"},
///  "startMs":9000,"endMs":11500,"text":"That is great news!","audio":{"features":{"space":"audio/speech-embedding@1","values":[0.1,0.2]}}}
/// </code>
/// </example>
[GenerateSerializer, Immutable, Alias("EmoStream.UtteranceEvent")]
public sealed record UtteranceEvent
{
    /// <summary>The conversation; also the Kafka key, the grain key and the Redis hash tag.</summary>
    [Id(0)] public required string ConversationId { get; init; }

    /// <summary>The utterance within its conversation; empty only for <see cref="UtteranceKind.End"/>.</summary>
    [Id(1)] public string UtteranceId { get; init => field = value ?? ""; } = "";

    /// <summary>What happened.</summary>
    [Id(2)] public UtteranceKind Kind { get; init; }

    /// <summary>Who speaks; required for utterances and revisions.</summary>
    [Id(3)] public Speaker? Speaker { get; init; }

    /// <summary>Start, ms from the conversation's start; null where the source has no clock.</summary>
    [Id(4)] public long? StartMs { get; init; }

    /// <summary>End, ms from the conversation's start; not before <see cref="StartMs"/>.</summary>
    [Id(5)] public long? EndMs { get; init; }

    /// <summary>What was said.</summary>
    [Id(6)] public string? Text { get; init; }

    /// <summary>The voice: 16-bit PCM mono 16 kHz or WAV, or features.</summary>
    [Id(7)] public ModalityInput? Audio { get; init; }

    /// <summary>The face: JPEG, PNG or 8-bit grey, or features.</summary>
    [Id(8)] public ModalityInput? Face { get; init; }

    /// <summary>The body: JPEG, PNG or 8-bit grey, or features.</summary>
    [Id(9)] public ModalityInput? Body { get; init; }

    /// <summary>When the source recorded the event (Kafka timestamp or <c>ce_time</c>); not part of the payload.</summary>
    [Id(10), JsonIgnore] public DateTimeOffset? ReceivedAt { get; init; }

    /// <summary>The input of a modality other than text; null when the event does not bring it.</summary>
    public ModalityInput? Input(string modality) => modality switch
    {
        Modality.Audio => Audio,
        Modality.Face => Face,
        Modality.Body => Body,
        _ => null,
    };
}

/// <summary>What an <see cref="UtteranceEvent"/> says.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<UtteranceKind>))]
public enum UtteranceKind
{
    /// <summary>A new utterance.</summary>
    [JsonStringEnumMemberName("utterance")] Utterance,

    /// <summary>Replaces the utterance with the same id: speech recognition changed its mind.</summary>
    [JsonStringEnumMemberName("revision")] Revision,

    /// <summary>Removes the utterance with that id.</summary>
    [JsonStringEnumMemberName("retraction")] Retraction,

    /// <summary>The conversation is over: what is provisional becomes final.</summary>
    [JsonStringEnumMemberName("end")] End,
}

/// <summary>Who speaks.</summary>
/// <param name="Id">Stable within the conversation.</param>
/// <param name="Role">What policies decide by, such as <c>participant</c>; null counts as <c>participant</c>.</param>
/// <param name="DisplayName">For people to read; null shows the id.</param>
[GenerateSerializer, Immutable, Alias("EmoStream.Speaker")]
public sealed record Speaker(
    [property: Id(0)] string Id,
    [property: Id(1)] string? Role = null,
    [property: Id(2)] string? DisplayName = null);

/// <summary>One modality of an utterance: raw media or a feature vector, never both.</summary>
[GenerateSerializer, Immutable, Alias("EmoStream.ModalityInput")]
public sealed record ModalityInput
{
    /// <summary>Raw media bytes (base64 in JSON).</summary>
    [Id(0)] public byte[]? Media { get; init; }

    /// <summary>Media type of <see cref="Media"/>, such as <c>audio/wav</c> or <c>image/jpeg</c>.</summary>
    [Id(1)] public string? ContentType { get; init; }

    /// <summary>A vector of a feature space that the model knows.</summary>
    [Id(2)] public FeatureVector? Features { get; init; }
}

/// <summary>A vector and the space it belongs to; vectors are only comparable within their space.</summary>
/// <param name="Space"><c>name@version</c>, such as <c>audio/speech-embedding@1</c>.</param>
/// <param name="Values">float32, finite, as many as the space has dimensions.</param>
[GenerateSerializer, Immutable, Alias("EmoStream.FeatureVector")]
public sealed record FeatureVector(
    [property: Id(0)] string Space,
    [property: Id(1)] float[] Values);
