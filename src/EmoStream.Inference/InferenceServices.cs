using System.Diagnostics.Metrics;
using EmoStream.Inference.Batching;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Scoring;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace EmoStream.Inference;

/// <summary>Registers the model side of a host.</summary>
public static class InferenceServices
{
    /// <summary>Name of the health check; its tag is <c>ready</c>.</summary>
    public const string HealthCheckName = "inference";

    /// <summary>
    /// Bundle, scorer, batcher, warm-up, metrics and health check. An <see cref="IScorer"/> that was registered before
    /// is kept, and then no bundle is needed.
    /// </summary>
    public static IServiceCollection AddInference(this IServiceCollection services)
    {
        services.AddOptions<InferenceOptions>()
            .BindConfiguration(InferenceOptions.Section)
            .Configure<IConfiguration>((options, configuration) => options.Bundle = configuration["EmoStream:Bundle"] ?? options.Bundle)
            .ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<InferenceOptions>, InferenceOptionsValidator>());

        services.AddMetrics();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(provider => new InferenceMetrics(provider.GetRequiredService<IMeterFactory>(), provider.GetRequiredService<TimeProvider>()));
        services.TryAddSingleton(provider => LoadBundle(provider.GetRequiredService<IOptions<InferenceOptions>>().Value));
        services.TryAddSingleton<IScorer, OnnxScorer>();
        services.TryAddSingleton<ScoreBatcher>();

        services.AddSingleton<InferenceWarmup>();
        services.AddHostedService(provider => provider.GetRequiredService<InferenceWarmup>());
        services.AddHealthChecks().AddCheck<InferenceWarmup>(HealthCheckName, tags: ["ready"]);
        return services;
    }

    private static ModelBundle LoadBundle(InferenceOptions options)
        => options.Bundle.Length > 0 ? ModelBundle.Load(options.Bundle)
        : throw new BundleException("EmoStream:Bundle is not set: expected the directory of a model bundle.");
}
