using System.ComponentModel.DataAnnotations;

namespace EmoStream.Gateway;

/// <summary>Limits and access of the gateway; section <c>EmoStream:Gateway</c>.</summary>
public sealed class GatewayOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "EmoStream:Gateway";

    /// <summary>
    /// Lets everybody in without a token. Meant for trying out: refused unless every address the gateway listens on is a
    /// loopback address. The default is false.
    /// </summary>
    public bool AllowAnonymous { get; set; }

    /// <summary>Largest request body in bytes. The default is 16 MiB.</summary>
    [Range(1_024, 1_073_741_824)]
    public long MaxBodyBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>Most events in one request. The default is 1,000.</summary>
    [Range(1, 100_000)]
    public int MaxEvents { get; set; } = 1_000;

    /// <summary>Most conversations in one page of the list. The default is 200.</summary>
    [Range(1, 10_000)]
    public int MaxPageSize { get; set; } = 200;

    /// <summary>Most followers at a time. The default is 1,000.</summary>
    [Range(1, 1_000_000)]
    public int MaxFollowers { get; set; } = 1_000;

    /// <summary>Silence on a followed connection after which a comment is sent to keep it open. The default is 15 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:05:00")]
    public TimeSpan Heartbeat { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How long Kafka may take to acknowledge a posted event. The default is 10 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:05:00")]
    public TimeSpan DeliveryTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Largest record that goes to Kafka, in bytes. The default is 1,000,000, as the default of Kafka's topics.</summary>
    [Range(1_000, 1_000_000_000)]
    public int MaxRecordBytes { get; set; } = 1_000_000;
}
