using EmoStream.Contracts.Inference;

namespace EmoStream.Inference.Scoring;

/// <summary>
/// The rows of a request that some of its scores depend on: from W before the first to K after the last. A long
/// conversation becomes several, so that memory follows the window and not the conversation; the scores are the same.
/// </summary>
/// <param name="Request">Index of the request in its batch.</param>
/// <param name="Start">First row.</param>
/// <param name="Rows">Number of rows.</param>
/// <param name="FirstScore">Index into <see cref="ScoreRequest.Scored"/> of the first score taken from here.</param>
/// <param name="Scores">Number of scores taken from here.</param>
internal readonly record struct Segment(int Request, int Start, int Rows, int FirstScore, int Scores)
{
    /// <summary>Rows between the first and the last score of a segment, at most: each further segment computes W + K rows again.</summary>
    private const int Span = 64;

    public static void Split(ScoreRequest request, int index, ModelDescription model, List<Segment> segments)
    {
        var scored = request.Scored;
        for (var first = 0; first < scored.Length;)
        {
            var last = first;
            while (last + 1 < scored.Length && scored[last + 1] - scored[first] < Span && scored[last + 1] - scored[last] <= model.Window + model.LookAhead)
            {
                last++;
            }

            var start = Math.Max(0, scored[first] - model.Window);
            var end = Math.Min(request.Rows.Length, scored[last] + model.LookAhead + 1);
            segments.Add(new(index, start, end - start, first, last - first + 1));
            first = last + 1;
        }
    }
}
