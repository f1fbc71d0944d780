using System.Collections.ObjectModel;

namespace EmoStream.Contracts.Timeline;

/// <summary>What one speaker has said so far: counts over the current entries, retracted ones excluded.</summary>
[GenerateSerializer, Immutable, Alias("EmoStream.SpeakerAggregate")]
public sealed record SpeakerAggregate
{
    /// <summary>The speaker.</summary>
    [Id(0)] public required string SpeakerId { get; init; }

    /// <summary>For people to read; null where none was given.</summary>
    [Id(1)] public string? DisplayName { get; init; }

    /// <summary>The speaker's role.</summary>
    [Id(2)] public string? Role { get; init; }

    /// <summary>Number of utterances.</summary>
    [Id(3)] public int Utterances { get; init; }

    /// <summary>Sum of the utterances' durations in ms, where known.</summary>
    [Id(4)] public long SpeakingMs { get; init; }

    /// <summary>Number of utterances per label.</summary>
    [Id(5)] public IReadOnlyDictionary<string, int> Labels { get; init => field = value ?? ReadOnlyDictionary<string, int>.Empty; } = ReadOnlyDictionary<string, int>.Empty;
}
