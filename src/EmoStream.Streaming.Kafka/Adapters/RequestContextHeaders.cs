using System.Text;
using Confluent.Kafka;

namespace EmoStream.Streaming.Kafka;

/// <summary>
/// Orleans' request context of whoever sends an event through its stream, in the record's headers, and from there to the grain:
/// <code>
/// RequestContext["tenant"] = "a"  ─►  header orleans-context-tenant: a  ─►  RequestContext.Get("tenant") in OnNextAsync
/// </code>
/// Texts only: what else may stand in a request context has no form that other programs could read or write. What Orleans keeps
/// there for itself is not the sender's: it differs with every call, so that hardly two events could be delivered together, and a
/// stranger could meddle with calls by it.
/// </summary>
internal static class RequestContextHeaders
{
    public const string Prefix = "orleans-context-";

    /// <summary>Orleans closes the connection of two silos over a message with more than 10 MiB of headers, and tries it again without end.</summary>
    public const int MaxBytes = 8 * 1024 * 1024;

    /// <summary>What a record's headers take, and what of it is a request context.</summary>
    public static (int All, int Context) BytesOf(Headers? headers)
    {
        var (all, context) = (0, 0);
        for (var i = 0; i < (headers?.Count ?? 0); i++)
        {
            var header = headers![i];
            var bytes = header.Key.Length + (header.GetValueBytes()?.Length ?? 0);
            all += bytes;
            context += header.Key.StartsWith(Prefix, StringComparison.Ordinal) ? bytes : 0;
        }
        return (all, context);
    }

    /// <summary>The data adapter's headers and the context's; the former are left as they are, they may be shared.</summary>
    public static Headers? Join(Headers? own, Dictionary<string, object>? context)
    {
        Headers? joined = null;
        foreach (var (key, value) in context ?? [])
        {
            if (value is string text && !IsOfOrleans(key))
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
            if (headers![i] is var header && header.Key.StartsWith(Prefix, StringComparison.Ordinal)
                && header.Key[Prefix.Length..] is var key && !IsOfOrleans(key) && header.GetValueBytes() is { } value)
            {
                (context ??= [])[key] = Encoding.UTF8.GetString(value);
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

    /// <summary>Call chains and the like, and what its activity propagation carries: traces have a way of their own, <see cref="KafkaTracing"/>.</summary>
    private static bool IsOfOrleans(string key) =>
        key.StartsWith('#')
        || key.Equals("traceparent", StringComparison.OrdinalIgnoreCase)
        || key.Equals("tracestate", StringComparison.OrdinalIgnoreCase)
        || key.Equals("baggage", StringComparison.OrdinalIgnoreCase);
}
