using Xunit;

namespace EmoStream.Testing;

/// <summary>The one place that polls: for state that no event announces (another process is up, a key has arrived).</summary>
public static class Eventually
{
    /// <summary>What a wait may take unless the test says otherwise; long, because only a failing test uses it up.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(25);

    /// <summary>Asks until the answer is true or the test is cancelled; after the timeout it fails with what <paramref name="describe"/> says.</summary>
    /// <param name="condition">Asked at once and then every 25 ms; an exception fails the wait.</param>
    /// <param name="describe">What was waited for and what was there instead.</param>
    /// <param name="timeout">The default is <see cref="Timeout"/>.</param>
    /// <param name="timeProvider">The default is the system's clock.</param>
    public static async Task TrueAsync(
        Func<CancellationToken, Task<bool>> condition,
        Func<string> describe,
        TimeSpan? timeout = null,
        TimeProvider? timeProvider = null)
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        timeProvider ??= TimeProvider.System;
        using var deadline = new CancellationTokenSource(timeout ?? Timeout, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        using var timer = new PeriodicTimer(Period, timeProvider);
        try
        {
            while (!await condition(either.Token))
            {
                await timer.WaitForNextTickAsync(either.Token);
            }
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"Not within {(timeout ?? Timeout).TotalSeconds:0.###} s: {describe()}");
        }
    }

    /// <summary>The same for a condition that needs no waiting itself.</summary>
    public static Task TrueAsync(
        Func<bool> condition,
        Func<string> describe,
        TimeSpan? timeout = null,
        TimeProvider? timeProvider = null) =>
        TrueAsync(_ => Task.FromResult(condition()), describe, timeout, timeProvider);
}
