using EmoStream.Contracts.Timeline;
using EmoStream.Timeline.Read;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace EmoStream.Gateway.Read;

/// <summary><c>GET /v1/conversations</c>: who has been talking.</summary>
internal static class ListEndpoint
{
    private const int DefaultPageSize = 50;

    public static void MapList(this IEndpointRouteBuilder endpoints) => endpoints.MapGet("/", ListAsync)
        .WithName("ListConversations")
        .WithSummary("Lists conversations")
        .WithDescription("Conversations by last activity, latest first. `next` is the offset of the next page; it is absent on the last one.")
        .ProducesProblem(StatusCodes.Status400BadRequest)
        .ProducesProblem(StatusCodes.Status503ServiceUnavailable);

    private static async Task<Results<Ok<ConversationPage>, ProblemHttpResult>> ListAsync(
        TimelineReader reader, IOptions<GatewayOptions> options, int offset = 0, int limit = DefaultPageSize)
    {
        var largest = options.Value.MaxPageSize;
        if (offset < 0 || limit < 1 || limit > largest)
        {
            return Problems.BadRequest($"offset must not be negative, limit must lie between 1 and {largest}.");
        }

        // One more than asked for tells whether there is a next page.
        var found = await reader.ListAsync(offset, limit + 1);
        return found.Count > limit
            ? TypedResults.Ok(new ConversationPage([.. found.Take(limit)], offset + limit))
            : TypedResults.Ok(new ConversationPage(found, null));
    }
}
