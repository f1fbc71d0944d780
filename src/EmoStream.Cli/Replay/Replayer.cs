using EmoStream.Cli.Input;
using EmoStream.Contracts.Events;

namespace EmoStream.Cli.Replay;

/// <summary>
/// Sends a file's events in order: 1 wait until the event is due, 2 send it, 3 end its conversation when it was the
/// last one of it. Sends overlap (the producer keeps their order), but never more than <see cref="MaxInFlight"/>.
/// </summary>
internal sealed class Replayer(Func<UtteranceEvent, CancellationToken, Task> send, ReplayPacer pacer)
{
    private const int MaxInFlight = 1_000;

    private readonly Queue<Task> _inFlight = [];

    /// <summary>Put in front of every conversation id: replays the same file as other conversations.</summary>
    public string ConversationPrefix { get; init; } = "";

    /// <summary>Whether conversations that the file does not end are ended.</summary>
    public bool SendEnd { get; init; } = true;

    /// <summary>Called after each usable line was handed over.</summary>
    public Action<InputLine>? Sent { get; init; }

    /// <summary>Called for each unusable line.</summary>
    public Action<InputLine>? Refused { get; init; }

    /// <summary>Sends everything and waits until it is acknowledged.</summary>
    public async Task<ReplayResult> RunAsync(InputFile file, InputPlan plan, CancellationToken cancellationToken)
    {
        var sent = 0;
        var refused = 0;
        foreach (var line in file.Lines())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (line.Event is not { } e)
            {
                refused++;
                Refused?.Invoke(line);
                continue;
            }

            await pacer.WaitAsync(e, cancellationToken);
            await SendAsync(e, cancellationToken);
            sent++;
            Sent?.Invoke(line);
            if (SendEnd && plan.NeedsEndAfter(line))
            {
                await SendAsync(new UtteranceEvent { ConversationId = e.ConversationId, Kind = UtteranceKind.End }, cancellationToken);
            }
        }

        while (_inFlight.TryDequeue(out var last))
        {
            await last;
        }

        return new ReplayResult(sent, refused, plan.Conversations);
    }

    private async Task SendAsync(UtteranceEvent e, CancellationToken cancellationToken)
    {
        if (_inFlight.Count >= MaxInFlight)
        {
            await _inFlight.Dequeue();
        }

        while (_inFlight.TryPeek(out var first) && first.IsCompleted)
        {
            await _inFlight.Dequeue();
        }

        var prefixed = ConversationPrefix.Length == 0 ? e : e with { ConversationId = ConversationPrefix + e.ConversationId };
        _inFlight.Enqueue(send(prefixed, cancellationToken));
    }
}

/// <summary>What a replay did.</summary>
internal readonly record struct ReplayResult(int Sent, int Refused, int Conversations);
