using System.Text;
using Confluent.Kafka;

namespace EmoStream.Streaming.Kafka;

/// <summary>
/// Orleans' request context of whoever sends an event through its stream, in the record's headers, and from there to the grain:
/// <code>
/// RequestContext["tenant"] = "a"  ─►  header orleans-context-tenant: a  ─►  RequestContext.Get("tenant") in OnNextAsync
/// </code>
/// Texts only: what else may stand in a request context has no form that other programs could read or write.
/// </summary>
internal static class RequestContextHeaders
{
    public const string Prefix = "orleans-context-";

    /// <summary>The data adapter's headers and the context's; the former are left as they are, they may be shared.</summary>
    public static Headers? Join(Headers? own, Dictionary<string, object>? context)
    {
        Headers? joined = null;
        foreach (var (key, value) in context ?? [])
        {
            if (value is string text)
            {
                (joined ??= [.. own ?? []]).Add(Prefix + key, Encoding.UTF8.GetBytes(text));
            }
        }
        return joined ?? own;
    }

    /// <summary>Null where the record carries none, which is the rule.</summary>
    public static Dictionary<string, string>? Of(Headers? headers)
    {
        Dictionary<string, string>? context = null;
        for (var i = 0; i < (headers?.Count ?? 0); i++)
        {
            if (headers![i] is var header && header.Key.StartsWith(Prefix, StringComparison.Ordinal) && header.GetValueBytes() is { } value)
            {
                (context ??= [])[header.Key[Prefix.Length..]] = Encoding.UTF8.GetString(value);
            }
        }
        return context;
    }

    public static bool AreSame(Dictionary<string, string>? a, Dictionary<string, string>? b) =>
        ReferenceEquals(a, b) || (a is not null && b is not null && a.Count == b.Count && a.All(pair => b.GetValueOrDefault(pair.Key) == pair.Value));

    /// <summary>For the grain call that follows.</summary>
    public static bool Export(Dictionary<string, string>? context)
    {
        foreach (var (key, value) in context ?? [])
        {
            RequestContext.Set(key, value);
        }
        return context is not null;
    }
}
