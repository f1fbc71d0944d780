using System.Diagnostics;
using System.Diagnostics.Metrics;
using EmoStream.Timeline.Commit;

namespace EmoStream.Timeline;

/// <summary>Metrics of the timeline: what commits cost, what they carry, why they are refused, and who follows.</summary>
public static class TimelineMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "EmoStream.Timeline";

    private static readonly Meter Meter = new(MeterName);

    private static readonly Histogram<double> Duration = Meter.CreateHistogram(
        "emostream.timeline.commit.duration",
        unit: "s",
        description: "From handing a commit to the Redis client until its answer.",
        advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] });

    private static readonly Counter<long> Entries = Meter.CreateCounter<long>(
        "emostream.timeline.commit.entries", unit: "{entry}", description: "Timeline entries committed.");

    private static readonly Counter<long> Refused = Meter.CreateCounter<long>(
        "emostream.timeline.commit.refused", unit: "{commit}", description: "Commits refused or failed, by reason: stale, diverged, fenced, error.");

    private static readonly UpDownCounter<int> Followers = Meter.CreateUpDownCounter<int>(
        "emostream.timeline.followers", unit: "{follower}", description: "Followers of live timelines in this process.");

    internal static void Committed(TimeSpan elapsed, CommitResult result, int entries)
    {
        Duration.Record(elapsed.TotalSeconds);
        switch (result)
        {
            case CommitResult.Committed:
                Entries.Add(entries);
                break;
            case CommitResult.Stale:
                Refused.Add(1, new KeyValuePair<string, object?>("reason", "stale"));
                break;
            case CommitResult.Diverged:
                Refused.Add(1, new KeyValuePair<string, object?>("reason", "diverged"));
                break;
            case CommitResult.Fenced:
                Refused.Add(1, new KeyValuePair<string, object?>("reason", "fenced"));
                break;
            case CommitResult.AlreadyCommitted:
                break;
            default:
                throw new UnreachableException();
        }
    }

    internal static void Failed(TimeSpan elapsed)
    {
        Duration.Record(elapsed.TotalSeconds);
        Refused.Add(1, new KeyValuePair<string, object?>("reason", "error"));
    }

    internal static void Following(int delta) => Followers.Add(delta);
}
