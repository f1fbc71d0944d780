using System.ComponentModel.DataAnnotations;

namespace EmoStream.Client.Read;

/// <summary>How <see cref="TimelineClient"/> talks to the gateway.</summary>
public sealed class TimelineClientOptions
{
    /// <summary>The gateway's address, such as <c>http://localhost:8080</c>.</summary>
    [Required]
    public Uri? BaseAddress { get; set; }

    /// <summary>Gives a bearer token for each request; null, or a null token, sends none. The default is null.</summary>
    public Func<CancellationToken, ValueTask<string?>>? TokenProvider { get; set; }

    /// <summary>
    /// Silence after which a followed connection counts as lost; must exceed the gateway's heartbeat. The default is 45 s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromSeconds(45);

    /// <summary>First pause before following again; it doubles with each failure in a row. The default is 200 ms.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:10:00")]
    public TimeSpan MinReconnectDelay { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Longest pause before following again. The default is 15 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:10:00")]
    public TimeSpan MaxReconnectDelay { get; set; } = TimeSpan.FromSeconds(15);
}
