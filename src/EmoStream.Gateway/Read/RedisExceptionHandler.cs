using Microsoft.AspNetCore.Diagnostics;
using StackExchange.Redis;

namespace EmoStream.Gateway.Read;

/// <summary>Redis away is no error of the gateway: 503, try again.</summary>
internal sealed class RedisExceptionHandler : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is not (RedisException or RedisTimeoutException) || httpContext.Response.HasStarted)
        {
            return false;
        }

        httpContext.Response.Headers.RetryAfter = "1";
        await TypedResults.Problem("Redis does not answer.", statusCode: StatusCodes.Status503ServiceUnavailable).ExecuteAsync(httpContext);
        return true;
    }
}
