using System.Text.Json;

namespace EmoStream.IntegrationTests.Training;

/// <summary>Meetings of somebody's own, with labels that no shipped bundle knows, each told by its words.</summary>
internal static class LabelledMeetings
{
    public const int Turns = 6;

    private static readonly Dictionary<string, string[]> Sayings = new()
    {
        ["agrees"] = ["Yes, that works for me.", "I agree, let us do it.", "Good plan, I am in.", "Sure, sounds right."],
        ["objects"] = ["No, that will never work.", "I am against it, it is a mistake.", "This is wrong and I am angry.", "I refuse to sign that."],
        ["wonders"] = ["What does that mean?", "How would we measure that?", "Why is it so late?", "Who could help us with this?"],
    };

    public static IEnumerable<string> Labels => Sayings.Keys.Order();

    /// <summary>Meetings of <see cref="Turns"/> turns; the id of an utterance ends in its label.</summary>
    /// <param name="path">The file to write.</param>
    /// <param name="meetings">How many.</param>
    /// <param name="audio">The vector of the utterance of that number and label; null where it has none.</param>
    public static void Write(string path, int meetings, Func<int, int, double[]?> audio)
    {
        var labels = Sayings.Keys.ToArray();
        File.WriteAllLines(path, Enumerable.Range(0, meetings * Turns).Select(i =>
        {
            // 7 is prime to both 3 and 4: labels and sayings come in every order.
            var number = (i * 7 / 2) % labels.Length;
            var label = labels[number];
            return JsonSerializer.Serialize(new
            {
                conversationId = FormattableString.Invariant($"m{i / Turns}"),
                utteranceId = FormattableString.Invariant($"u{i}-{label}"),
                index = i % Turns,
                speaker = i % 2 == 0 ? "A" : "B",
                startMs = 1000 * (i % Turns),
                endMs = (1000 * (i % Turns)) + 900,
                text = Sayings[label][(i * 5 / 3) % Sayings[label].Length],
                features = new { audio = audio(i, number) },
                label,
            });
        }));
    }

    /// <summary>
    /// Numbers that float16 does not hold: large ones whose neighbours lie 32 apart, more than half as far as they vary, so
    /// that a side which does not round sees other vectors; tiny ones, and ordinary ones. Every fourth utterance has none.
    /// </summary>
    public static double[]? Audio(int utterance, int label) => utterance % 4 == 3 ? null :
    [
        59_900 + (50 * Math.Sin(utterance)), 40_000 + (45 * Math.Cos(2 * utterance)) + (20 * label), -60_000 * Math.Sin(3 * utterance),
        3e-6 * Math.Cos(utterance), 7e-9 * utterance, (label / 3.0) + (0.1 * Math.Sin(5 * utterance)), 0.1 * (utterance % 7),
    ];
}
