using System.Net;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.HostFiltering;
using Microsoft.Extensions.Options;

namespace EmoStream.Gateway.Access;

/// <summary>
/// Who may come in: whoever brings a valid bearer token (<c>Authentication:Schemes:Bearer</c>), or anybody when the gateway
/// listens on loopback addresses alone and <see cref="GatewayOptions.AllowAnonymous"/> is set.
/// </summary>
internal static class AccessExtensions
{
    public static IServiceCollection AddGatewayAccess(this IServiceCollection services, ConfigurationManager configuration)
    {
        services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme).AddJwtBearer();
        services.AddAuthorization();
        services.AddOptions<AuthorizationOptions>().Configure<IOptions<GatewayOptions>>((authorization, gateway) =>
            authorization.FallbackPolicy = gateway.Value.AllowAnonymous
                ? null
                : new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build());
        services.AddHostedService<LoopbackGuard>();
        if (configuration.GetValue<bool>($"{GatewayOptions.Section}:{nameof(GatewayOptions.AllowAnonymous)}"))
        {
            // Against DNS rebinding: a web page must not reach an open gateway through a host name of its own.
            services.PostConfigure<HostFilteringOptions>(filter => filter.AllowedHosts = ["localhost", "127.0.0.1", "[::1]"]);
        }

        return services;
    }

    public static WebApplication UseGatewayAccess(this WebApplication app)
    {
        if (app.Services.GetRequiredService<IOptions<GatewayOptions>>().Value.AllowAnonymous)
        {
            // The guard has checked the addresses at start; this holds for whatever it could not see.
            app.Use(static (context, next) =>
            {
                if (context.Connection.LocalIpAddress is { } local && !IPAddress.IsLoopback(local))
                {
                    context.Response.StatusCode = StatusCodes.Status403Forbidden;
                    return Task.CompletedTask;
                }

                return next(context);
            });
        }

        app.UseAuthentication();
        app.UseAuthorization();
        return app;
    }
}
