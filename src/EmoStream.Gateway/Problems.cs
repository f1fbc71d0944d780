using Microsoft.AspNetCore.Http.HttpResults;

namespace EmoStream.Gateway;

/// <summary>RFC 9457 answers; details name members and positions, never values.</summary>
internal static class Problems
{
    public static ProblemHttpResult BadRequest(string detail) => TypedResults.Problem(detail, statusCode: StatusCodes.Status400BadRequest);

    public static ProblemHttpResult NotFound(string detail) => TypedResults.Problem(detail, statusCode: StatusCodes.Status404NotFound);
}
