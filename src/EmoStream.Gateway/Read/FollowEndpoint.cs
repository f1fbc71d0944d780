using System.Globalization;
using EmoStream.Contracts.Timeline;
using EmoStream.Timeline.Read;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;

namespace EmoStream.Gateway.Read;

/// <summary><c>GET /v1/conversations/{id}/follow</c>: a conversation as it grows, as server-sent events.</summary>
internal static class FollowEndpoint
{
    private const string Limit = "followers";

    public static IServiceCollection AddFollowers(this IServiceCollection services)
    {
        services.AddRateLimiter(static limiter => limiter.RejectionStatusCode = StatusCodes.Status503ServiceUnavailable);
        services.AddOptions<RateLimiterOptions>().Configure<IOptions<GatewayOptions>>(static (limiter, gateway) =>
            limiter.AddConcurrencyLimiter(Limit, followers =>
            {
                followers.PermitLimit = gateway.Value.MaxFollowers;
                followers.QueueLimit = 0;
            }));
        return services;
    }

    public static void MapFollow(this IEndpointRouteBuilder endpoints) => endpoints.MapGet("/{id}/follow", FollowAsync)
        .WithName("FollowTimeline")
        .WithSummary("Follows a timeline")
        .WithDescription("Server-sent events without end. `event: entry` carries a timeline entry, its `id` is the change number; send it back as " +
            "`Last-Event-ID` (or `?after=`) to go on where a connection stopped. Of an entry that changed several times meanwhile only the " +
            "latest state is sent. `event: rewound` ends the stream when the conversation has not come as far as the token says (it was erased, " +
            "or its store lost writes): forget what was received and start with `?after=0`. A conversation that does not exist yet is waited for, " +
            "so that a page may be opened first. Lines that start with `:` are heartbeats.")
        .Produces<TimelineEntry>(StatusCodes.Status200OK, "text/event-stream")
        .ProducesProblem(StatusCodes.Status400BadRequest)
        .ProducesProblem(StatusCodes.Status503ServiceUnavailable)
        .RequireRateLimiting(Limit);

    private static async Task<IResult> FollowAsync(
        HttpContext context, string id, TimelineReader reader, IOptions<GatewayOptions> options, TimeProvider timeProvider,
        IHostApplicationLifetime lifetime, long? after)
    {
        if (ConversationId.TryRead(context, id, out var error) is not { } conversation)
        {
            return Problems.BadRequest(error!);
        }

        // The header is what a reconnecting client has seen; the query is what its first request said.
        var lastEventId = context.Request.Headers["Last-Event-ID"].ToString();
        var token = after ?? 0;
        if (lastEventId.Length > 0 && !long.TryParse(lastEventId, NumberStyles.None, CultureInfo.InvariantCulture, out token))
        {
            return Problems.BadRequest("Last-Event-ID must be a change number.");
        }

        if (token < 0)
        {
            return Problems.BadRequest("after must not be negative.");
        }

        // Kestrel's own shutdown would wait for followers, who never leave by themselves.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        var feed = new EntryEventStream(context.Response, timeProvider, options.Value.Heartbeat);
        await feed.SendAsync(reader.FollowAsync(conversation, token, stop.Token), stop.Token);
        return Results.Empty;
    }
}
