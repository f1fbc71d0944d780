using EmoStream.Client.Produce;
using EmoStream.Contracts.Events;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace EmoStream.Gateway.Post;

/// <summary>
/// <c>POST /v1/conversations/{id}/utterances</c>: for those who speak HTTP and not Kafka.
/// 1 the path's conversation  2 the whole body, within limits  3 every event valid, or none is produced
/// 4 to Kafka in order  5 answer when Kafka has acknowledged all.
/// </summary>
internal static class PostEndpoint
{
    private const int Slack = 64 * 1024;

    public static void MapPost(this IEndpointRouteBuilder endpoints) => endpoints.MapPost("/{id}/utterances", PostAsync)
        .WithName("PostUtterances")
        .WithSummary("Posts utterance events")
        .WithDescription("One event, an array of events (`application/json`) or one event per line (`application/x-ndjson`). Either all are valid and go " +
            "to Kafka in this order, or none is: the answer then names the first bad one by `index` and `reason`. `conversationId` may be left out " +
            "of the events; where it is given it must be the path's. 202 means that Kafka holds all of them durably. After a 503 some of them may " +
            "be on Kafka: post the same events again, utterances that are already known are dropped.")
        .Accepts<UtteranceEvent>(EventBody.Json, EventBody.JsonLines)
        .Produces<UtteranceReceipt>(StatusCodes.Status202Accepted)
        .ProducesProblem(StatusCodes.Status400BadRequest)
        .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
        .ProducesProblem(StatusCodes.Status415UnsupportedMediaType)
        .ProducesProblem(StatusCodes.Status503ServiceUnavailable);

    private static async Task<Results<Accepted<UtteranceReceipt>, ProblemHttpResult>> PostAsync(
        HttpContext context, string id, UtteranceProducer producer, IOptions<GatewayOptions> options)
    {
        // 1
        if (ConversationId.TryRead(context, id, out var error) is not { } conversation)
        {
            return Problems.BadRequest(error!);
        }

        // 2
        var limits = options.Value;
        if (EventBody.FormatOf(context.Request.ContentType) is not { } format)
        {
            return TypedResults.Problem(EventBody.Expected, statusCode: StatusCodes.Status415UnsupportedMediaType);
        }

        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            // A little more than is accepted: the server answers what is slightly too large instead of cutting the connection.
            size.MaxRequestBodySize = limits.MaxBodyBytes + Slack;
        }

        LimitedBody? read;
        try
        {
            read = await LimitedBody.ReadAsync(context.Request, limits.MaxBodyBytes, context.RequestAborted);
        }
        catch (BadHttpRequestException e)
        {
            return TypedResults.Problem("The body is malformed, too slow or ends early.", statusCode: e.StatusCode);
        }

        using var body = read;
        if (body is null)
        {
            return TypedResults.Problem($"At most {limits.MaxBodyBytes} bytes.", statusCode: StatusCodes.Status413PayloadTooLarge);
        }

        // 3
        var (events, problem) = EventBody.Parse(body.Memory, format, conversation, limits.MaxEvents);
        if (problem is { } bad)
        {
            return TypedResults.Problem(
                bad.Index is { } at ? $"Event {at} is not valid, nothing was produced. {bad.Reason}" : bad.Reason,
                statusCode: StatusCodes.Status400BadRequest,
                extensions: [new("index", bad.Index), new("reason", bad.Reason)]);
        }

        // 4, 5
        return await ProduceAsync(producer, events, conversation, context.RequestAborted);
    }

    private static async Task<Results<Accepted<UtteranceReceipt>, ProblemHttpResult>> ProduceAsync(
        UtteranceProducer producer, List<UtteranceEvent> events, string conversation, CancellationToken cancellationToken)
    {
        // Called in order without waiting in between: the producer keeps that order and one batch carries them all.
        var deliveries = events.ConvertAll(e => producer.ProduceAsync(e, cancellationToken));
        try
        {
            var records = await Task.WhenAll(deliveries);
            return TypedResults.Accepted($"/v1/conversations/{Uri.EscapeDataString(conversation)}/timeline", new UtteranceReceipt(records.Length, records));
        }
        catch (UtteranceDeliveryException e) when (e.IsPermanent)
        {
            return TypedResults.Problem("An event is larger than the topic takes; events before it may have been produced.", statusCode: StatusCodes.Status413PayloadTooLarge);
        }
        catch (UtteranceDeliveryException)
        {
            var acknowledged = deliveries.Count(static delivery => delivery.IsCompletedSuccessfully);
            return TypedResults.Problem(
                $"Kafka acknowledged {acknowledged} of {events.Count} events. Post the same events again: what is already known is dropped.",
                statusCode: StatusCodes.Status503ServiceUnavailable,
                extensions: [new("acknowledged", acknowledged)]);
        }
    }
}
