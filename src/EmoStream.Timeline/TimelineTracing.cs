using System.Diagnostics;

namespace EmoStream.Timeline;

/// <summary>Spans of the store; never with an id.</summary>
internal static class TimelineTracing
{
    private static readonly ActivitySource Source = new("EmoStream.Timeline");

    /// <summary>One commit, within whatever delivery asked for it; null when nobody listens.</summary>
    public static Activity? StartCommit() => Source.StartActivity("commit", ActivityKind.Client)?.SetTag("db.system.name", "redis");
}
