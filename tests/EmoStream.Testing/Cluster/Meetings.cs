using System.Text;
using EmoStream.Contracts.Events;

namespace EmoStream.Testing.Cluster;

/// <summary>The sample meeting of infra/samples, and as many copies of it as a test needs.</summary>
public static class Meetings
{
    /// <summary>Its events in order, with revisions and retractions of the speech recognition.</summary>
    public static IReadOnlyList<UtteranceEvent> Sample { get; } =
        [.. File.ReadLines(Checkout.At("infra", "samples", "meeting.jsonl")).Where(line => line.Length > 0).Select(Read)];

    /// <summary>
    /// Copies under other conversation ids, interleaved by the given seed: each keeps its own order, as conversations that
    /// are held at the same time do.
    /// </summary>
    public static IEnumerable<UtteranceEvent> Copies(int count, int seed, int first = 0)
    {
        var random = new Random(seed);
        var next = new int[count];
        var open = Enumerable.Range(0, count).ToList();
        while (open.Count > 0)
        {
            var which = random.Next(open.Count);
            var copy = open[which];
            yield return Sample[next[copy]] with { ConversationId = Id(first + copy) };
            if (++next[copy] == Sample.Count)
            {
                open.RemoveAt(which);
            }
        }
    }

    /// <summary>The conversation id of a copy.</summary>
    public static string Id(int copy) => $"meeting-{copy}";

    private static UtteranceEvent Read(string line) =>
        UtteranceEventReader.TryRead(Encoding.UTF8.GetBytes(line), contentType: null, out var error)
        ?? throw new InvalidDataException($"infra/samples/meeting.jsonl: {error}");
}
