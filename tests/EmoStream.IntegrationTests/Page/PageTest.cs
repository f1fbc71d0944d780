using EmoStream.Cli.Up;
using EmoStream.Testing.Gateway;
using Microsoft.Playwright;

namespace EmoStream.IntegrationTests.Page;

/// <summary>
/// A gateway on an embedded Redis, a conversation that the test writes, and a browser page. Whatever a test does, the
/// page must not log an error, throw, or ask for something that is not there.
/// </summary>
public abstract class PageTest(Chromium chromium) : IAsyncLifetime
{
    private readonly List<string> _complaints = [];
    private EmbeddedRedis? _redis;

    private protected GatewayHost Gateway { get; set; } = null!;

    private protected TimelineWriter Writer { get; private set; } = null!;

    private protected IPage Page { get; private set; } = null!;

    /// <summary>Complaints that a test provokes on purpose.</summary>
    private protected Func<string, bool> Expected { get; set; } = static _ => false;

    private protected string Redis => _redis!.ConnectionString;

    /// <summary>What the browser is opened with.</summary>
    private protected virtual BrowserNewPageOptions Browser => new() { ViewportSize = new ViewportSize { Width = 1280, Height = 800 } };

    private protected virtual IReadOnlyDictionary<string, string?>? Settings => null;

    public async ValueTask InitializeAsync()
    {
        // First of all: without a browser nothing else needs to start.
        Page = await chromium.NewPageAsync(Browser);
        Page.SetDefaultTimeout(30_000);
        Page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
            {
                Complain($"console: {message.Text}");
            }
        };
        Page.PageError += (_, error) => Complain($"thrown: {error}");
        Page.Response += (_, response) =>
        {
            if (response.Status >= 400)
            {
                Complain($"{response.Status}: {new Uri(response.Url).AbsolutePath}");
            }
        };
        _redis = EmbeddedRedis.Start();
        Gateway = await GatewayHost.StartAsync(Redis, settings: Settings);
        Writer = await TimelineWriter.OpenAsync(Redis, $"acme/meeting {Guid.NewGuid():N}");
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (Page is not null)
        {
            await Page.CloseAsync();
        }

        if (Writer is not null)
        {
            await Writer.DisposeAsync();
        }

        if (Gateway is not null)
        {
            await Gateway.DisposeAsync();
        }

        _redis?.Dispose();
        lock (_complaints)
        {
            Assert.Empty(_complaints);
        }
    }

    private protected Task OpenAsync(string? conversation = null) =>
        Page.GotoAsync($"{Gateway.Address}#{Uri.EscapeDataString(conversation ?? Writer.ConversationId)}");

    private protected ILocator Mark(string utteranceId) => Page.Locator($".mark[data-id='{utteranceId}']");

    private protected ILocator Row(string utteranceId) => Page.Locator($".row[data-id='{utteranceId}']");

    private protected static Task SeeAsync(ILocator locator) => Assertions.Expect(locator).ToBeVisibleAsync(new() { Timeout = 30_000 });

    private protected static Task CountAsync(ILocator locator, int count) => Assertions.Expect(locator).ToHaveCountAsync(count, new() { Timeout = 30_000 });

    private protected static Task ReadsAsync(ILocator locator, string text) => Assertions.Expect(locator).ToContainTextAsync(text, new() { Timeout = 30_000 });

    private protected static Task HasAsync(ILocator locator, string attribute, string value) =>
        Assertions.Expect(locator).ToHaveAttributeAsync(attribute, value, new() { Timeout = 30_000 });

    private void Complain(string complaint)
    {
        lock (_complaints)
        {
            if (!Expected(complaint))
            {
                _complaints.Add(complaint);
            }
        }
    }
}
