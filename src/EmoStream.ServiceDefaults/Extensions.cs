using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace EmoStream.ServiceDefaults;

/// <summary>What every EmoStream process shares: telemetry, health endpoints, resilient HTTP clients.</summary>
public static class Extensions
{
    /// <summary>Tag of health checks that say "the process itself is alive", whatever its dependencies do.</summary>
    public const string LiveTag = "live";

    private const string HealthPath = "/health";
    private const string AlivePath = "/alive";

    /// <summary>Adds OpenTelemetry, health checks and HTTP resilience; may be called more than once on one builder.</summary>
    public static TBuilder AddServiceDefaults<TBuilder>(this TBuilder builder)
        where TBuilder : IHostApplicationBuilder
    {
        if (builder.Properties.ContainsKey(typeof(Extensions)))
        {
            // `emostream up` hosts silo and gateway in one process: both ask for the defaults, one set is right.
            return builder;
        }

        builder.Properties[typeof(Extensions)] = true;
        AddTelemetry(builder);
        builder.Services.AddHealthChecks().AddCheck("self", () => HealthCheckResult.Healthy(), [LiveTag]);
        builder.Services.ConfigureHttpClientDefaults(http => http.AddStandardResilienceHandler());
        return builder;
    }

    /// <summary>Maps <c>/health</c> (ready: every check) and <c>/alive</c> (checks tagged <see cref="LiveTag"/>), both open to anybody.</summary>
    public static WebApplication MapDefaultEndpoints(this WebApplication app)
    {
        app.MapHealthChecks(HealthPath).AllowAnonymous();
        app.MapHealthChecks(AlivePath, new HealthCheckOptions { Predicate = check => check.Tags.Contains(LiveTag) }).AllowAnonymous();
        return app;
    }

    private static void AddTelemetry(IHostApplicationBuilder builder)
    {
        builder.Services.AddLogPrivacy();

        // Always: a trace that comes with a request goes on into Kafka, whoever exports it there.
        var telemetry = builder.Services.AddOpenTelemetry().WithTracing(tracing => tracing
            // Probes come every few seconds and say nothing about the work.
            .AddAspNetCoreInstrumentation(http => http.Filter = context =>
                !context.Request.Path.StartsWithSegments(HealthPath) && !context.Request.Path.StartsWithSegments(AlivePath))
            .AddHttpClientInstrumentation()
            .AddProcessor(new TracePrivacy()));

        // The rest only where somebody reads it: every delivery and every commit makes spans and measurements.
        if (string.IsNullOrWhiteSpace(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"])) return;

        // Without scopes: ASP.NET Core's carry RequestPath, and with it the conversation id.
        builder.Logging.AddOpenTelemetry(logging => logging.IncludeFormattedMessage = true);
        telemetry
            // Not Microsoft.Orleans.*: its spans name grains, and a conversation's grain is named by its id.
            .WithTracing(tracing => tracing.AddSource("EmoStream.*"))
            .WithMetrics(metrics => metrics
                .AddMeter("EmoStream.*", "Microsoft.Orleans")
                .AddAspNetCoreInstrumentation()
                .AddHttpClientInstrumentation()
                .AddRuntimeInstrumentation())
            .UseOtlpExporter();
    }
}
