using Microsoft.Extensions.Configuration;

namespace EmoStream.Contracts;

/// <summary>The topics of one deployment, as every process reads them: section <c>EmoStream:Topics</c>.</summary>
/// <param name="Utterances">Topic of utterance events. The default is <see cref="Names.UtterancesTopic"/>.</param>
/// <param name="DeadLetters">Topic of what could not be accepted. The default is the utterances' topic followed by <c>.dlq</c>.</param>
public sealed record TopicNames(string Utterances, string DeadLetters)
{
    /// <summary>Reads the names; an empty one counts as not set.</summary>
    /// <param name="configuration">The host's configuration.</param>
    /// <returns>Both names, never empty.</returns>
    public static TopicNames From(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var utterances = Value(configuration["EmoStream:Topics:Utterances"]) ?? Names.UtterancesTopic;
        return new(utterances, Value(configuration["EmoStream:Topics:DeadLetters"]) ?? utterances + ".dlq");
    }

    private static string? Value(string? name) => string.IsNullOrWhiteSpace(name) ? null : name;
}
