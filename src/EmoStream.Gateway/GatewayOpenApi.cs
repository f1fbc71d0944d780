using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace EmoStream.Gateway;

/// <summary>What <c>/openapi/v1.json</c> says beyond the endpoints' own descriptions.</summary>
internal static class GatewayOpenApi
{
    private const string Scheme = "bearer";

    public static void Configure(OpenApiOptions options) => options.AddDocumentTransformer(static (document, _, _) =>
    {
        document.Info = new OpenApiInfo
        {
            Title = "EmoStream gateway",
            Version = "v1",
            Description = "Emotion timelines of live conversations. Labels are estimates of a model, not facts about people.",
        };
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>();
        document.Components.SecuritySchemes[Scheme] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = Scheme, BearerFormat = "JWT" };
        document.Security ??= [];
        document.Security.Add(new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Scheme, document)] = [] });
        return Task.CompletedTask;
    });
}
