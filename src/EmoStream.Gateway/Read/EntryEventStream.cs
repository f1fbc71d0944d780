using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using EmoStream.Contracts;
using EmoStream.Contracts.Timeline;
using EmoStream.Timeline.Read;
using Microsoft.AspNetCore.Http.Features;

namespace EmoStream.Gateway.Read;

/// <summary>
/// Writes entries as server-sent events. Own code instead of TypedResults.ServerSentEvents because that cannot send the
/// comments that keep a silent connection open through proxies. Nothing is read ahead of a slow client: the next entry
/// is asked for once the one before is on its way.
/// </summary>
/// <example>
/// <code>
/// id: 17
/// event: entry
/// data: {"conversationId":"standup-7","utteranceId":"u3","change":17,...}
///
/// : heartbeat
///
/// </code>
/// </example>
internal sealed class EntryEventStream(HttpResponse response, TimeProvider timeProvider, TimeSpan heartbeat)
{
    private readonly ArrayBufferWriter<byte> _event = new(2048);

    public async Task SendAsync(IAsyncEnumerable<TimelineEntry> entries, CancellationToken cancellationToken)
    {
        response.ContentType = "text/event-stream";
        // Reverse proxies (nginx) would hold events back otherwise.
        response.Headers["X-Accel-Buffering"] = "no";
        response.HttpContext.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();

        var entry = entries.GetAsyncEnumerator(cancellationToken);
        Task<bool>? next = null;
        using var pulse = new PeriodicTimer(heartbeat, timeProvider);
        try
        {
            // A first comment sends the headers: the client knows at once that it is connected.
            await WriteAsync(": connected\n\n"u8, cancellationToken);
            var beat = pulse.WaitForNextTickAsync(cancellationToken).AsTask();
            next = entry.MoveNextAsync().AsTask();
            while (true)
            {
                if (!next.IsCompleted && await Task.WhenAny(next, beat) == beat)
                {
                    await beat;
                    await WriteAsync(": heartbeat\n\n"u8, cancellationToken);
                    beat = pulse.WaitForNextTickAsync(cancellationToken).AsTask();
                    continue;
                }

                if (!await next)
                {
                    return;
                }

                Append(entry.Current);
                next = entry.MoveNextAsync().AsTask();
                // A late follower gets what is already there in large pieces.
                if (!next.IsCompleted || _event.WrittenCount > 32 * 1024)
                {
                    await FlushAsync(cancellationToken);
                }
            }
        }
        catch (TimelineRewoundException rewound)
        {
            Write(string.Create(CultureInfo.InvariantCulture, $"event: rewound\ndata: {{\"change\":{rewound.Change}}}\n\n"));
            await FlushAsync(cancellationToken);
        }
        catch (Exception e) when (cancellationToken.IsCancellationRequested && e is OperationCanceledException or IOException)
        {
            // The client has left or the gateway stops: the usual end.
        }
        finally
        {
            await EndAsync(entry, next);
        }
    }

    /// <summary>An enumerator must not be disposed while it is moving.</summary>
    private static async Task EndAsync(IAsyncEnumerator<TimelineEntry> entry, Task<bool>? next)
    {
        if (next is not null)
        {
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await entry.DisposeAsync();
    }

    private void Append(TimelineEntry entry)
    {
        Write(string.Create(CultureInfo.InvariantCulture, $"id: {entry.Change}\nevent: entry\ndata: "));
        // Compact JSON has no line breaks, so one data line holds it.
        using (var json = new Utf8JsonWriter(_event))
        {
            JsonSerializer.Serialize(json, entry, ContractsJson.Default.TimelineEntry);
        }

        _event.Write("\n\n"u8);
    }

    private void Write(string text) => Encoding.UTF8.GetBytes(text, _event);

    private async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
        await response.BodyWriter.WriteAsync(bytes, cancellationToken);

    private ValueTask WriteAsync(ReadOnlySpan<byte> bytes, CancellationToken cancellationToken)
    {
        _event.Write(bytes);
        return FlushAsync(cancellationToken);
    }

    private async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (_event.WrittenCount > 0)
        {
            await WriteAsync(_event.WrittenMemory, cancellationToken);
            _event.ResetWrittenCount();
        }
    }
}
