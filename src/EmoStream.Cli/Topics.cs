using EmoStream.Contracts;

namespace EmoStream.Cli;

/// <summary>Topic names with the same overrides as silo and gateway.</summary>
internal static class Topics
{
    public static string Utterances => Environment.GetEnvironmentVariable("EmoStream__Topics__Utterances") is { Length: > 0 } name ? name : Names.UtterancesTopic;

    public static string DeadLetters => Environment.GetEnvironmentVariable("EmoStream__Topics__DeadLetters") is { Length: > 0 } name ? name : Names.DeadLetterTopic;
}
