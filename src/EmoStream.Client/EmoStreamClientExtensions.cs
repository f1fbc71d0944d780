using EmoStream.Client.Produce;
using EmoStream.Client.Read;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace EmoStream.Client;

/// <summary>Registers the client library.</summary>
public static class EmoStreamClientExtensions
{
    /// <summary>Adds <see cref="UtteranceProducer"/> and <see cref="TimelineClient"/>; each is made when it is first asked for.</summary>
    /// <param name="services">The services.</param>
    /// <param name="producer">Configures producing; null when this process only reads.</param>
    /// <param name="timeline">Configures reading; null when this process only produces.</param>
    public static IServiceCollection AddEmoStreamClient(
        this IServiceCollection services,
        Action<UtteranceProducerOptions>? producer = null,
        Action<TimelineClientOptions>? timeline = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddSingleton(TimeProvider.System);
        if (producer is not null)
        {
            services.AddOptions<UtteranceProducerOptions>().Configure(producer).ValidateOnStart();
            services.TryAddSingleton<IValidateOptions<UtteranceProducerOptions>, ValidateUtteranceProducerOptions>();
            services.TryAddSingleton<UtteranceProducer>();
        }

        if (timeline is not null)
        {
            services.AddOptions<TimelineClientOptions>().Configure(timeline).ValidateOnStart();
            services.TryAddSingleton<IValidateOptions<TimelineClientOptions>, ValidateTimelineClientOptions>();
            services.AddHttpClient<TimelineClient>();
        }

        return services;
    }
}

/// <summary>Checks <see cref="UtteranceProducerOptions"/> at start.</summary>
[OptionsValidator]
internal sealed partial class ValidateUtteranceProducerOptions : IValidateOptions<UtteranceProducerOptions>;

/// <summary>Checks <see cref="TimelineClientOptions"/> at start.</summary>
[OptionsValidator]
internal sealed partial class ValidateTimelineClientOptions : IValidateOptions<TimelineClientOptions>;
