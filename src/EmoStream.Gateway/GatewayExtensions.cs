using System.Text.Json.Serialization;
using EmoStream.Client;
using EmoStream.Client.Produce;
using EmoStream.Contracts;
using EmoStream.Gateway.Access;
using EmoStream.Gateway.Page;
using EmoStream.Gateway.Post;
using EmoStream.Gateway.Read;
using EmoStream.ServiceDefaults;
using EmoStream.Timeline;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace EmoStream.Gateway;

/// <summary>
/// HTTP for people and programs: reads timelines from Redis, puts posted utterances on Kafka, serves the live page.
/// <code>
/// browser, program ──► security headers ──► page (embedded files)
///                                      └──► who are you ──► list | timeline | follow ──► TimelineReader ──► Redis
///                                                       └─► utterances ──► UtteranceProducer ──► Kafka
/// </code>
/// </summary>
public static class GatewayExtensions
{
    /// <summary>Registers the gateway; hosts alone or inside another web application.</summary>
    public static WebApplicationBuilder AddGateway(this WebApplicationBuilder builder)
    {
        builder.AddServiceDefaults();
        var services = builder.Services;
        services.AddOptions<GatewayOptions>().BindConfiguration(GatewayOptions.Section).ValidateOnStart();
        services.TryAddSingleton<IValidateOptions<GatewayOptions>, ValidateGatewayOptions>();

        services.AddTimeline();
        AddKafka(services, builder.Configuration);
        services.AddGatewayAccess(builder.Configuration);
        services.AddFollowers();
        services.AddProblemDetails(options => options.CustomizeProblemDetails = context =>
        {
            // Routing refuses most content types before the endpoint could say what it takes.
            if (context.ProblemDetails is { Status: StatusCodes.Status415UnsupportedMediaType, Detail: null } problem)
            {
                problem.Detail = EventBody.Expected;
            }
        });
        services.AddExceptionHandler<RedisExceptionHandler>();
        services.AddOpenApi(GatewayOpenApi.Configure);
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, ContractsJson.Default);
            json.SerializerOptions.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        });
        services.AddHealthChecks()
            .AddCheck<RedisHealthCheck>("redis")
            .AddCheck<KafkaHealthCheck>("kafka");
        return builder;
    }

    /// <summary>Maps the gateway's endpoints and its page.</summary>
    public static WebApplication MapGateway(this WebApplication app)
    {
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.UseSecurityHeaders();
        app.UsePage();
        app.UseRouting();
        app.UseGatewayAccess();
        app.UseRateLimiter();

        app.MapDefaultEndpoints();
        app.MapOpenApi().WithMetadata(new HttpMethodMetadata(["GET"]));
        var conversations = app.MapGroup("/v1/conversations").WithTags("Conversations").ProducesProblem(StatusCodes.Status401Unauthorized);
        conversations.MapList();
        conversations.MapTimeline();
        conversations.MapFollow();
        conversations.MapPost();
        return app;
    }

    private static void AddKafka(IServiceCollection services, ConfigurationManager configuration)
    {
        services.AddEmoStreamClient(producer: options =>
        {
            options.BootstrapServers = configuration.GetConnectionString(Names.Kafka) ?? "";
            options.Topic = TopicNames.From(configuration).Utterances;
            KafkaSettings.CopyTo(configuration, options.Kafka);
            options.Source = "urn:emostream:gateway";
        });
        services.AddOptions<UtteranceProducerOptions>().PostConfigure<IOptions<GatewayOptions>>((producer, gateway) =>
        {
            producer.DeliveryTimeout = gateway.Value.DeliveryTimeout;
            producer.MaxRecordBytes = gateway.Value.MaxRecordBytes;
        }).Validate(
            static producer => producer.BootstrapServers.Length > 0,
            $"No bootstrap servers for Kafka: set ConnectionStrings__{Names.Kafka}, for example to localhost:9092.");
    }
}

/// <summary>Checks <see cref="GatewayOptions"/> at start.</summary>
[OptionsValidator]
internal sealed partial class ValidateGatewayOptions : IValidateOptions<GatewayOptions>;
