using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace EmoStream.Silo.Hosting;

/// <summary>Settings of the processor; section <c>EmoStream</c>.</summary>
public sealed class SiloOptions
{
    /// <summary>Configuration section.</summary>
    public const string Section = "EmoStream";

    /// <summary>Path of the policy file. The default is none: no modality may be used.</summary>
    public string? Policy { get; set; }

    /// <summary>How long a conversation stays in memory without events; it resumes from Redis. The default is 10 minutes.</summary>
    [Range(typeof(TimeSpan), "00:00:02", "1.00:00:00")]
    public TimeSpan ConversationIdleTimeout { get; set; } = TimeSpan.FromMinutes(10);
}

/// <summary>Checked when the host starts.</summary>
[OptionsValidator]
internal sealed partial class SiloOptionsValidator : IValidateOptions<SiloOptions>;
