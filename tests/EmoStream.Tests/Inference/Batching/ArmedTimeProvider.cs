using System.Threading.Channels;
using Microsoft.Extensions.Time.Testing;

namespace EmoStream.Tests.Inference.Batching;

/// <summary>A clock that tells when somebody began to wait on it, so that a test moves it only then.</summary>
internal sealed class ArmedTimeProvider : FakeTimeProvider
{
    private readonly Channel<TimeSpan> _armed = Channel.CreateUnbounded<TimeSpan>();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime, period);
        _armed.Writer.TryWrite(dueTime);
        return timer;
    }

    /// <summary>How long the next waiter wants to wait.</summary>
    public async Task<TimeSpan> ArmedAsync(CancellationToken cancellationToken) => await _armed.Reader.ReadAsync(cancellationToken);
}
