using EmoStream.Cli.Input;
using EmoStream.Client.Read;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Timeline;

namespace EmoStream.Cli.Diff;

/// <summary>What two bundles are compared on.</summary>
/// <param name="Source">The file as it was named, or the conversation's id.</param>
/// <param name="Lines">Events in the order in which they happened.</param>
/// <param name="IsConversation">Whether they come from a running system, which keeps text and speakers alone.</param>
/// <param name="WithheldTexts">Utterances whose text the policy did not allow: there is nothing to score.</param>
internal sealed record DiffInput(string Source, IReadOnlyList<InputLine> Lines, bool IsConversation = false, int WithheldTexts = 0)
{
    /// <summary>Reads a file.</summary>
    /// <exception cref="InputException">The file cannot be read.</exception>
    public static DiffInput Read(InputFile file) => new(file.Path, [.. file.Lines()]);

    /// <summary>Fetches a conversation of a running system.</summary>
    /// <exception cref="InputException">The gateway does not know it.</exception>
    public static async Task<DiffInput> FetchAsync(TimelineClient client, string conversationId, CancellationToken cancellationToken)
    {
        var timeline = await client.GetTimelineAsync(conversationId, cancellationToken)
            ?? throw new InputException($"{conversationId}: there is no file of that name, and the gateway does not know a conversation of that name.");
        var lines = new List<InputLine>();
        foreach (var entry in timeline.Entries)
        {
            lines.Add(Line(lines.Count + 1, Said(entry)));
            if (entry.Status == EntryStatus.Retracted)
            {
                // It keeps its place and its speaker, and brings nothing.
                lines.Add(Line(lines.Count + 1, new() { ConversationId = entry.ConversationId, UtteranceId = entry.UtteranceId, Kind = UtteranceKind.Retraction }));
            }
        }

        return new(conversationId, lines, IsConversation: true, timeline.Entries.Count(entry => entry is { Text: null, Status: not EntryStatus.Retracted }));
    }

    private static InputLine Line(int number, UtteranceEvent e) => new(number, e, Label: null, Error: null);

    private static UtteranceEvent Said(TimelineEntry entry) => new()
    {
        ConversationId = entry.ConversationId,
        UtteranceId = entry.UtteranceId,
        Speaker = new(entry.SpeakerId, DisplayName: entry.SpeakerName),
        StartMs = entry.StartMs,
        EndMs = entry.EndMs,
        Text = entry.Text,
    };
}
