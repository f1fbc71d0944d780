using Microsoft.Extensions.Configuration;

namespace EmoStream.Contracts;

/// <summary>
/// How every process connects to Kafka beyond the bootstrap servers: librdkafka's settings in section <c>EmoStream:Kafka</c>.
/// </summary>
/// <remarks>
/// <code>
/// EmoStream__Kafka__security_protocol=sasl_ssl        the same as "security.protocol" in a JSON file
/// EmoStream__Kafka__sasl_mechanism=SCRAM-SHA-512
/// EmoStream__Kafka__sasl_username=emostream
/// EmoStream__Kafka__sasl_password=...                 secrets by environment alone
/// </code>
/// </remarks>
public static class KafkaSettings
{
    /// <summary>Copies the settings of the section, empty ones left out.</summary>
    /// <param name="configuration">The host's configuration.</param>
    /// <param name="settings">Receives them by librdkafka's names.</param>
    public static void CopyTo(IConfiguration configuration, IDictionary<string, string> settings)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(settings);
        foreach (var setting in configuration.GetSection("EmoStream:Kafka").GetChildren())
        {
            if (!string.IsNullOrEmpty(setting.Value))
            {
                // Most shells refuse dots in names of variables; librdkafka's settings for configuration have no underscores.
#pragma warning disable CA1308 // librdkafka's names are lower case.
                settings[setting.Key.Replace('_', '.').ToLowerInvariant()] = setting.Value;
#pragma warning restore CA1308
            }
        }
    }
}
