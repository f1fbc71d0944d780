namespace EmoStream.Contracts.Timeline;

/// <summary>A conversation's timeline as it stands.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="Change">Latest change number: the token to follow from.</param>
/// <param name="Entries">In order of arrival, retracted ones included.</param>
/// <param name="Speakers">Aggregates per speaker.</param>
public sealed record ConversationTimeline(string ConversationId, long Change, IReadOnlyList<TimelineEntry> Entries, IReadOnlyList<SpeakerAggregate> Speakers);

/// <summary>A line in the list of conversations.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="LastActivity">When it last changed.</param>
/// <param name="Utterances">Number of entries.</param>
public sealed record ConversationSummary(string ConversationId, DateTimeOffset LastActivity, long Utterances);

/// <summary>One page of the list of conversations, latest activity first.</summary>
/// <param name="Conversations">The lines of this page.</param>
/// <param name="Next">Offset of the next page; null on the last one.</param>
public sealed record ConversationPage(IReadOnlyList<ConversationSummary> Conversations, int? Next);
