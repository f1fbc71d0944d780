using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EmoStream.ServiceDefaults;

/// <summary>
/// Keeps out of every log what libraries write about single conversations: Orleans names streams and grains by the
/// conversation's id, ASP.NET Core and HttpClient write request paths. EmoStream's own logs and counters tell operators
/// of failed deliveries, without ids.
/// </summary>
internal static class LogPrivacy
{
    /// <summary>Orleans' categories that speak of silos, queues and connections alone.</summary>
    private static readonly string[] OrleansWithoutIds =
    [
        "Orleans.Clustering.", "Orleans.Hosting.", "Orleans.Runtime.ConsistentRing.", "Orleans.Runtime.MembershipService.",
        "Orleans.Runtime.Messaging.ConnectionManager", "Orleans.Runtime.Silo", "Orleans.Runtime.Watchdog",
    ];

    /// <summary>
    /// Lays the rule into every filter rule instead of adding one more: whatever levels an operator configures, for one
    /// provider or for all, none of them opens these categories.
    /// </summary>
    public static IServiceCollection AddLogPrivacy(this IServiceCollection services) =>
        services.PostConfigure<LoggerFilterOptions>(options =>
        {
            // First, so that a configured default level, a rule of the same kind, wins over it.
            var rules = options.Rules.Prepend(new LoggerFilterRule(null, null, options.MinLevel, null)).ToList();
            options.Rules.Clear();
            foreach (var rule in rules)
            {
                options.Rules.Add(new LoggerFilterRule(rule.ProviderName, rule.CategoryName, rule.LogLevel, (provider, category, level) =>
                    IsAllowed(category ?? "", level) && (rule.Filter?.Invoke(provider, category, level) ?? true)));
            }
        });

    private static bool IsAllowed(string category, LogLevel level)
    {
        if (category.StartsWith("Orleans", StringComparison.Ordinal) || category.StartsWith("Microsoft.Orleans", StringComparison.Ordinal))
        {
            return Array.Exists(OrleansWithoutIds, known => category.StartsWith(known, StringComparison.Ordinal));
        }

        return level >= LogLevel.Warning
            || !(category.StartsWith("Microsoft.AspNetCore", StringComparison.Ordinal) || category.StartsWith("System.Net.Http", StringComparison.Ordinal))
            || category.StartsWith("Microsoft.AspNetCore.Server.Kestrel", StringComparison.Ordinal);
    }
}
