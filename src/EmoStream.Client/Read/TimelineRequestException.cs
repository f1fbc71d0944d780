using System.Net;

namespace EmoStream.Client.Read;

/// <summary>The gateway refused a request, or answered something that is not a timeline.</summary>
public sealed class TimelineRequestException : Exception
{
    internal TimelineRequestException(HttpStatusCode statusCode, string message, Exception? inner = null)
        : base(message, inner)
    {
        StatusCode = statusCode;
    }

    /// <summary>The gateway's HTTP status.</summary>
    public HttpStatusCode StatusCode { get; }

    /// <summary>Whether the same request may succeed later.</summary>
    public bool IsTransient => (int)StatusCode >= 500 || StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout;
}
