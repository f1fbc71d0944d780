using EmoStream.Testing.Processes;
using Microsoft.Playwright;
using Xunit;

namespace EmoStream.Testing.Gateway;

/// <summary>
/// One browser for all page tests of an assembly: the Chromium (or Chrome) of the machine, driven by Playwright without a
/// download of its own. Declare it with <c>[assembly: AssemblyFixture(typeof(Chromium))]</c>; it starts at first use.
/// </summary>
public sealed class Chromium : IAsyncLifetime
{
    private readonly SemaphoreSlim _starting = new(1);
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    /// <summary>Path of the browser; null where there is none.</summary>
    public static string? Executable { get; } =
        Environment.GetEnvironmentVariable("CHROMIUM") is { Length: > 0 } named ? named : Programs.Find("chromium", "chromium-browser", "google-chrome");

    /// <summary>A page in a context of its own; skips the calling test where there is no browser.</summary>
    public async Task<IPage> NewPageAsync(BrowserNewPageOptions? options = null)
    {
        Assert.SkipUnless(Executable is not null, "needs chromium (or google-chrome) on PATH, or its path in CHROMIUM");
        await _starting.WaitAsync();
        try
        {
            _playwright ??= await Playwright.CreateAsync();
            _browser ??= await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
            {
                ExecutablePath = Executable,
                // Containers: no user namespaces, a small /dev/shm, no GPU.
                Args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
            });
        }
        finally
        {
            _starting.Release();
        }

        return await _browser.NewPageAsync(options);
    }

    /// <inheritdoc />
    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        _playwright?.Dispose();
        _starting.Dispose();
    }
}
