using Xunit;

namespace EmoStream.Testing.Ledger;

/// <summary>What <see cref="DeliveryLedger"/> found; clean when every list is empty.</summary>
public sealed class DeliveryReport
{
    private const int Named = 5;

    /// <summary>Sent and not on the timeline.</summary>
    public List<UtteranceKey> Lost { get; } = [];

    /// <summary>Written more than once: a place or a change number that two entries share, or more changes than the events explain.</summary>
    public List<UtteranceKey> Doubled { get; } = [];

    /// <summary>On the timeline behind something that was sent later.</summary>
    public List<UtteranceKey> Reordered { get; } = [];

    /// <summary>On the timeline and never sent.</summary>
    public List<UtteranceKey> Extra { get; } = [];

    /// <summary>On the timeline, but not as it must be, and how.</summary>
    public List<(UtteranceKey Key, string Difference)> Wrong { get; } = [];

    /// <summary>Whether nothing was found.</summary>
    public bool IsClean => Lost.Count + Doubled.Count + Reordered.Count + Extra.Count + Wrong.Count == 0;

    /// <summary>Fails the test with counts and the first ids.</summary>
    public void AssertClean() => Assert.True(IsClean, ToString());

    /// <summary>Counts and the first ids of each kind.</summary>
    public override string ToString() => string.Join("; ",
        Describe("lost", Lost),
        Describe("doubled", Doubled),
        Describe("reordered", Reordered),
        Describe("extra", Extra),
        Describe("wrong", Wrong.ConvertAll(wrong => $"{wrong.Key} {wrong.Difference}")));

    private static string Describe<T>(string kind, List<T> found) =>
        found.Count == 0 ? $"{kind} 0" : $"{kind} {found.Count} ({string.Join(", ", found.Take(Named))}{(found.Count > Named ? ", ..." : "")})";
}

/// <summary>An utterance among all conversations.</summary>
public readonly record struct UtteranceKey(string ConversationId, string UtteranceId)
{
    /// <inheritdoc />
    public override string ToString() => $"{ConversationId}/{UtteranceId}";
}
