using EmoStream.Contracts.Events;
using Microsoft.AspNetCore.Http.Features;

namespace EmoStream.Gateway;

/// <summary>
/// The conversation that a path names. An id may hold a slash (<c>tenant/conversation</c>), sent as <c>%2F</c>: Kestrel leaves
/// exactly that escape undecoded in the route value, where it cannot be told from a literal <c>%2F</c>, so the raw target decides.
/// </summary>
/// <example>
/// <code>
/// GET /v1/conversations/acme%2Fstandup-7/timeline  ->  acme/standup-7
/// </code>
/// </example>
internal static class ConversationId
{
    private const string Before = "/conversations/";

    /// <summary>The id, or the reason why the path names none; the reason never quotes it.</summary>
    public static string? TryRead(HttpContext context, string routeValue, out string? error)
    {
        var routed = Slashed(routeValue);
        var id = FromTarget(context) ?? routed;
        if (Slashed(id) != routed)
        {
            // Dot segments: routing, and whoever guards paths in front of it, saw another conversation than the target spells.
            error = "conversationId: the path is not in its normal form";
            return null;
        }

        // An end event has no other obligatory member: what is valid there is a valid conversation id everywhere.
        error = UtteranceEventValidator.Validate(new UtteranceEvent { ConversationId = id, Kind = UtteranceKind.End });
        return error is null ? id : null;
    }

    private static string Slashed(string id) => id.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);

    private static string? FromTarget(HttpContext context)
    {
        var target = (context.Features.Get<IHttpRequestFeature>()?.RawTarget ?? "").AsSpan();
        var query = target.IndexOf('?');
        var path = query < 0 ? target : target[..query];
        var start = path.IndexOf(Before, StringComparison.OrdinalIgnoreCase);
        if (start < 0)
        {
            return null;
        }

        var segment = path[(start + Before.Length)..];
        var end = segment.IndexOf('/');
        return Uri.UnescapeDataString((end < 0 ? segment : segment[..end]).ToString());
    }
}
