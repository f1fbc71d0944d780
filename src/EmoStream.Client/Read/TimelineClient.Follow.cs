using System.Net;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using EmoStream.Contracts;
using EmoStream.Contracts.Timeline;

namespace EmoStream.Client.Read;

public sealed partial class TimelineClient
{
    private const int MaxUnreadable = 2;

    /// <summary>
    /// Entries changed after <paramref name="afterChange"/>, then live ones as they are committed, until cancelled. A lost
    /// connection is made again and goes on where it stopped: each change is seen once, in order; of an entry that changed
    /// several times meanwhile only the latest state. A conversation that does not exist yet is waited for.
    /// </summary>
    /// <param name="conversationId">The conversation.</param>
    /// <param name="afterChange">The last change already known; 0 starts at the beginning.</param>
    /// <param name="cancellationToken">Stops following.</param>
    /// <exception cref="TimelineRequestException">The gateway refused for good (401, 403, 400), or sends what this client cannot read.</exception>
    /// <exception cref="ConversationRewoundException">The conversation has not come as far as was already seen.</exception>
    public async IAsyncEnumerable<TimelineEntry> FollowAsync(
        string conversationId, long afterChange = 0, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var path = $"{Path(conversationId)}/follow";
        var last = afterChange;
        var failures = 0;
        var unreadable = 0;
        while (true)
        {
            var entries = ConnectAsync(path, last, cancellationToken).GetAsyncEnumerator(cancellationToken);
            await using (entries.ConfigureAwait(false))
            {
                while (true)
                {
                    var (more, broken) = await MoveNextAsync(entries).ConfigureAwait(false);
                    if (broken is not null && ++unreadable == MaxUnreadable)
                    {
                        throw new TimelineRequestException(
                            HttpStatusCode.OK, $"The gateway's events after change {last} cannot be read, not even when asked again: are gateway and client of the same version?", broken);
                    }

                    if (!more)
                    {
                        break;
                    }

                    if (entries.Current.Change <= last)
                    {
                        continue;
                    }

                    (failures, unreadable) = (0, 0);
                    last = entries.Current.Change;
                    yield return entries.Current;
                }
            }

            cancellationToken.ThrowIfCancellationRequested();
            await Task.Delay(Delay(failures++), _timeProvider, cancellationToken).ConfigureAwait(false);
        }
    }

    private async IAsyncEnumerable<TimelineEntry> ConnectAsync(string path, long last, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var response = await SendAsync(path, last, cancellationToken).ConfigureAwait(false);
        var body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        var patient = new IdleTimeoutStream(body, _options.IdleTimeout, _timeProvider);
        await using (patient.ConfigureAwait(false))
        {
            var parser = SseParser.Create(patient, (type, data) => type switch
            {
                "entry" => JsonSerializer.Deserialize(data, ContractsJson.Default.TimelineEntry),
                "rewound" => throw new ConversationRewoundException(last),
                // Other event types are for newer clients.
                _ => null,
            });
            await foreach (var item in parser.EnumerateAsync(cancellationToken).ConfigureAwait(false))
            {
                if (item.Data is { } entry)
                {
                    yield return entry;
                }
            }
        }
    }

    /// <summary>False when the connection ended or broke; what trying again cannot mend is thrown.</summary>
    private static async ValueTask<(bool More, JsonException? Unreadable)> MoveNextAsync(IAsyncEnumerator<TimelineEntry> entries)
    {
        try
        {
            return (await entries.MoveNextAsync().ConfigureAwait(false), null);
        }
        catch (JsonException e)
        {
            // A half-received event is broken JSON; its change number was not taken, so it comes again. Where it is broken
            // again it was not the connection.
            return (false, e);
        }
        catch (Exception e) when (e is IOException or HttpRequestException or TimelineRequestException { IsTransient: true })
        {
            return (false, null);
        }
    }

    /// <summary>Doubles from the shortest pause to the longest; half of it is random so that followers do not return all at once.</summary>
    private TimeSpan Delay(int failures)
    {
        var ceiling = Math.Min(_options.MaxReconnectDelay.TotalMilliseconds, _options.MinReconnectDelay.TotalMilliseconds * Math.Pow(2, Math.Min(failures, 20)));
#pragma warning disable CA5394 // Jitter, no secret.
        return TimeSpan.FromMilliseconds(ceiling * (0.5 + (Random.Shared.NextDouble() / 2)));
#pragma warning restore CA5394
    }
}
