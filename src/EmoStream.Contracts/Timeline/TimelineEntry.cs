using System.Collections.ObjectModel;
using System.Text.Json.Serialization;

namespace EmoStream.Contracts.Timeline;

/// <summary>
/// One utterance's place on the emotion timeline. A changed entry keeps its id and gets a higher
/// <see cref="Revision"/> and a new <see cref="Change"/>.
/// </summary>
[GenerateSerializer, Immutable, Alias("EmoStream.TimelineEntry")]
public sealed record TimelineEntry
{
    private static readonly IReadOnlyDictionary<string, float> NoValues = ReadOnlyDictionary<string, float>.Empty;

    /// <summary>The conversation.</summary>
    [Id(0)] public required string ConversationId { get; init; }

    /// <summary>The utterance within its conversation.</summary>
    [Id(1)] public required string UtteranceId { get; init; }

    /// <summary>How often this entry has changed; 0 when first written.</summary>
    [Id(2)] public int Revision { get; init; }

    /// <summary>Change number within the conversation, 1, 2, 3 ...: the resume token of followers.</summary>
    [Id(3)] public long Change { get; init; }

    /// <summary>Place in the conversation, 0, 1, 2 ...: the order of arrival in Kafka.</summary>
    [Id(4)] public long Sequence { get; init; }

    /// <summary>Who speaks.</summary>
    [Id(5)] public string SpeakerId { get; init => field = value ?? ""; } = "";

    /// <summary>The speaker's display name; null where none was given.</summary>
    [Id(6)] public string? SpeakerName { get; init; }

    /// <summary>Start, ms from the conversation's start; null where the source has no clock.</summary>
    [Id(7)] public long? StartMs { get; init; }

    /// <summary>End, ms from the conversation's start.</summary>
    [Id(8)] public long? EndMs { get; init; }

    /// <summary>What was said; empty when the utterance brought no text, null when the policy does not allow text and after a retraction.</summary>
    [Id(9)] public string? Text { get; init; }

    /// <summary>How settled the entry is.</summary>
    [Id(10)] public EntryStatus Status { get; init; }

    /// <summary>The most probable label; null when nothing could be scored (no modality allowed, or retracted).</summary>
    [Id(11)] public string? Label { get; init; }

    /// <summary>Calibrated probability of every label of the bundle; sums to 1.</summary>
    [Id(12)] public IReadOnlyDictionary<string, float> Probabilities { get; init => field = value ?? NoValues; } = NoValues;

    /// <summary>Calibrated probability of <see cref="Label"/>, 0..1.</summary>
    [Id(13)] public float Confidence { get; init; }

    /// <summary>Conformal prediction set and its nominal coverage; null where the bundle offers none for this availability.</summary>
    [Id(14)] public PredictionSet? PredictionSet { get; init; }

    /// <summary>Query Adaptive Fusion weight per modality (AM²-EmoJE); sums to 1 over available and recovered modalities.</summary>
    [Id(15)] public IReadOnlyDictionary<string, float> Weights { get; init => field = value ?? NoValues; } = NoValues;

    /// <summary>The modalities that were used, after the policy gate.</summary>
    [Id(16)] public IReadOnlyList<string> Availability { get; init => field = value ?? []; } = [];

    /// <summary>The modalities that the joint embedding stood in for.</summary>
    [Id(17)] public IReadOnlyList<string> Recovered { get; init => field = value ?? []; } = [];

    /// <summary>The model that scored: <c>name@version</c>.</summary>
    [Id(18)] public string Bundle { get; init => field = value ?? ""; } = "";

    /// <summary>Id of the policy decision that allowed what was used.</summary>
    [Id(19)] public string Policy { get; init => field = value ?? ""; } = "";

    /// <summary>Where the time went before the commit.</summary>
    [Id(20)] public EntryLatency LatencyMs { get; init => field = value ?? EntryLatency.None; } = EntryLatency.None;
}

/// <summary>How settled an entry is.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<EntryStatus>))]
public enum EntryStatus
{
    /// <summary>Scored with the past alone; will be scored again once the later utterances that the model looks at are known.</summary>
    [JsonStringEnumMemberName("provisional")] Provisional,

    /// <summary>Scored with everything that the model looks at.</summary>
    [JsonStringEnumMemberName("final")] Final,

    /// <summary>Was final, and changed because the source revised or retracted this or an earlier utterance.</summary>
    [JsonStringEnumMemberName("revised")] Revised,

    /// <summary>Removed by the source: no text and no scores remain.</summary>
    [JsonStringEnumMemberName("retracted")] Retracted,
}

/// <summary>A set that holds the true label with the given probability (split conformal prediction).</summary>
/// <param name="Coverage">Nominal coverage, such as 0.9.</param>
/// <param name="Labels">The labels in the set, most probable first.</param>
[GenerateSerializer, Immutable, Alias("EmoStream.PredictionSet")]
public sealed record PredictionSet([property: Id(0)] float Coverage, [property: Id(1)] IReadOnlyList<string> Labels);

/// <summary>
/// Milliseconds spent on an entry. The commit's own duration cannot be inside what it commits; it is the metric
/// <c>emostream.timeline.commit.duration</c>.
/// </summary>
/// <param name="Queued">From the record's Kafka timestamp until the grain took it.</param>
/// <param name="Inference">From the grain's request until the scores were there, batching included.</param>
[GenerateSerializer, Immutable, Alias("EmoStream.EntryLatency")]
public sealed record EntryLatency([property: Id(0)] double Queued, [property: Id(1)] double Inference)
{
    /// <summary>Of an entry that was not scored.</summary>
    internal static EntryLatency None { get; } = new(0, 0);
}
