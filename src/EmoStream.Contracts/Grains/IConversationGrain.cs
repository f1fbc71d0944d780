namespace EmoStream.Contracts.Grains;

/// <summary>
/// One conversation, keyed by its id. It has no methods: everything reaches it through the stream
/// <see cref="Names.UtteranceStream"/>, so that order and exactly-once hold for all of it.
/// </summary>
[Alias("EmoStream.IConversationGrain")]
public interface IConversationGrain : IGrainWithStringKey;
