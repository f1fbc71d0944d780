using EmoStream.Streaming.Kafka;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Providers;

[assembly: RegisterProvider("Kafka", "Streaming", "Silo", typeof(KafkaStreamProviderBuilder))]
[assembly: RegisterProvider("Kafka", "Streaming", "Client", typeof(KafkaStreamProviderBuilder))]

namespace EmoStream.Streaming.Kafka;

/// <summary>
/// Sets the provider up by configuration alone:
/// <code>
/// ConnectionStrings__kafka=broker:9092
/// Orleans__Streaming__Kafka__ProviderType=Kafka
/// Orleans__Streaming__Kafka__ServiceKey=kafka
/// Orleans__Streaming__Kafka__Topic=...          any other KafkaStreamOptions
/// </code>
/// </summary>
internal sealed class KafkaStreamProviderBuilder : IProviderBuilder<ISiloBuilder>, IProviderBuilder<IClientBuilder>
{
    public void Configure(ISiloBuilder builder, string? name, IConfigurationSection configurationSection)
    {
        ArgumentNullException.ThrowIfNull(name);
        builder.AddKafkaStreams(name, streams => Bind(streams, configurationSection));
    }

    public void Configure(IClientBuilder builder, string? name, IConfigurationSection configurationSection)
    {
        ArgumentNullException.ThrowIfNull(name);
        builder.AddKafkaStreams(name, streams => Bind(streams, configurationSection));
    }

    private static void Bind(KafkaStreamsBuilder streams, IConfigurationSection section)
    {
        var serviceKey = section["ServiceKey"];
        streams.ConfigureOptions(options => options
            .Configure<IServiceProvider>((o, services) =>
            {
                if (!string.IsNullOrEmpty(serviceKey) &&
                    services.GetService<IConfiguration>()?.GetConnectionString(serviceKey) is { Length: > 0 } servers)
                {
                    o.BootstrapServers = servers;
                }
            })
            .Bind(section));
    }
}
