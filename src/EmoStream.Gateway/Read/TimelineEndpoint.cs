using EmoStream.Contracts.Timeline;
using EmoStream.Timeline.Read;
using Microsoft.AspNetCore.Http.HttpResults;

namespace EmoStream.Gateway.Read;

/// <summary><c>GET /v1/conversations/{id}/timeline</c>: a conversation as it stands.</summary>
internal static class TimelineEndpoint
{
    public static void MapTimeline(this IEndpointRouteBuilder endpoints) => endpoints.MapGet("/{id}/timeline", ReadAsync)
        .WithName("GetTimeline")
        .WithSummary("Reads a timeline")
        .WithDescription("The current state of every utterance in order of arrival, retracted ones included, and what each speaker adds up to. " +
            "`change` is the token to follow from. Write a slash inside an id as `%2F`.")
        .ProducesProblem(StatusCodes.Status400BadRequest)
        .ProducesProblem(StatusCodes.Status404NotFound)
        .ProducesProblem(StatusCodes.Status503ServiceUnavailable);

    private static async Task<Results<Ok<ConversationTimeline>, ProblemHttpResult>> ReadAsync(HttpContext context, string id, TimelineReader reader)
    {
        if (ConversationId.TryRead(context, id, out var error) is not { } conversation)
        {
            return Problems.BadRequest(error!);
        }

        return await reader.ReadAsync(conversation) is { } timeline
            ? TypedResults.Ok(timeline)
            : Problems.NotFound("Nothing has been said in a conversation of that id.");
    }
}
