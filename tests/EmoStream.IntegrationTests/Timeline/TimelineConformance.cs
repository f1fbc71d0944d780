using EmoStream.Contracts.Timeline;

namespace EmoStream.IntegrationTests.Timeline;

/// <summary>
/// What every server that EmoStream supports must do. A new kind of server inherits this class and nothing else decides
/// whether it is supported.
/// </summary>
public abstract partial class TimelineConformance(TimelineServer server) : IAsyncLifetime
{
    /// <summary>The one limit for everything that is awaited.</summary>
    protected static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private TimelineClient? _client;

    private TimelineClient Client => _client ??= new TimelineClient(server.ConnectionString);

    public ValueTask InitializeAsync()
    {
        Assert.SkipWhen(server.Missing is not null, server.Missing ?? "");
        return default;
    }

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return _client?.DisposeAsync() ?? default;
    }

    private async Task<Conversation> OpenAsync(string? id = null)
    {
        var conversation = new Conversation(Client.Store, id);
        await conversation.OpenAsync();
        return conversation;
    }

    private async Task<List<TimelineEntry>> FollowAsync(string conversationId, long after, int count)
    {
        var entries = new List<TimelineEntry>();
        using var limit = new CancellationTokenSource(Timeout);
        await foreach (var entry in Client.Reader.FollowAsync(conversationId, after, limit.Token))
        {
            entries.Add(entry);
            if (entries.Count == count)
            {
                break;
            }
        }

        return entries;
    }

    /// <summary>Records compare their dictionaries by reference; JSON compares what is stored.</summary>
    private static void AssertSame(IEnumerable<TimelineEntry> expected, IEnumerable<TimelineEntry> actual) =>
        Assert.Equal(expected.Select(Json), actual.Select(Json));

    private static string Json(TimelineEntry entry) =>
        System.Text.Json.JsonSerializer.Serialize(entry, Contracts.ContractsJson.Default.TimelineEntry);
}
