using EmoStream.Streaming.Kafka.DeadLetters;

namespace EmoStream.Cli.DeadLetters;

/// <summary>
/// Sends letters again. Those that stand alone just go; those of a parked conversation go together, in the order in which
/// they were sent for the first time, and are followed by an end: the silo takes the conversation up again when no live
/// record has become a letter meanwhile, else those are sent as well.
/// </summary>
internal sealed class Redrive(DeadLetterTopic topic, IReadOnlySet<Place> skipped, TimeSpan patience, Action<int> sent)
{
    private const int Chunk = 500;
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(250);

    public int Sent { get; private set; }

    public int Skipped { get; private set; }

    public int Conversations { get; private set; }

    /// <summary>What could not be done; without ids.</summary>
    public List<string> Problems { get; } = [];

    /// <summary>Sends the letters that were chosen, and those that wait with them.</summary>
    public async Task RunAsync(List<DeadLetter> chosen, CancellationToken cancellationToken)
    {
        await SendAsync([.. chosen.Where(letter => letter.Stream is null)], null, cancellationToken);
        foreach (var stream in chosen.Where(letter => letter.Stream is not null).DistinctBy(letter => Convert.ToHexString(letter.Stream!)))
        {
            await ContinueAsync(stream, cancellationToken);
        }
    }

    /// <summary>The letters of the same conversation, and this one.</summary>
    public static bool WaitsWith(DeadLetter letter, DeadLetter other) =>
        letter.Stream is { } stream && other.Stream is { } its && stream.AsSpan().SequenceEqual(its);

    private async Task ContinueAsync(DeadLetter any, CancellationToken cancellationToken)
    {
        while (true)
        {
            // The state first: every letter up to the one that it names is there when the topic is read.
            var state = topic.StateOf(any.Stream!, cancellationToken);
            var letters = topic.Read(letter => WaitsWith(letter, any), cancellationToken)
                .Where(letter => WaitsWith(letter, any) && IsComplete(letter, state))
                .OrderBy(letter => letter.OriginOffset)
                .ToList();
            if (!await SendAsync(letters, state?.Since, cancellationToken))
            {
                return;
            }

            if (state is null)
            {
                Conversations++;
                return;
            }

            await topic.SendEndAsync(any, state);
            switch (await AnswerAsync(any.Stream!, state, cancellationToken))
            {
                case { } now when now.Since != state.Since:
                    Problems.Add("a conversation failed again and is parked anew");
                    return;
                case { } now when now.Last == state.Last:
                    Problems.Add("a conversation was sent again, but no silo has taken it up yet");
                    return;
                case null:
                    Conversations++;
                    return;
            }
        }
    }

    /// <summary>Sends and settles; false: a letter has lost its value, and nothing behind it may go.</summary>
    private async Task<bool> SendAsync(List<DeadLetter> letters, string? parking, CancellationToken cancellationToken)
    {
        var complete = true;
        if (parking is not null && letters.Exists(IsLost))
        {
            letters = letters[..letters.FindIndex(IsLost)];
            complete = false;
        }

        foreach (var chunk in letters.Chunk(Chunk))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var going = chunk.Where(letter => !skipped.Contains(letter.Place)).ToList();
            complete &= !going.Exists(IsLost);
            going.RemoveAll(IsLost);
            // Copies of one letter go once and are settled together.
            var once = going.DistinctBy(letter => letter.Position).ToList();
            await Task.WhenAll(once.Select(letter => topic.SendAsync(letter, parking)));
            await Task.WhenAll(chunk.Where(letter => !IsLost(letter)).Select(topic.SettleAsync));
            Sent += once.Count;
            Skipped += chunk.Length - chunk.Count(letter => !skipped.Contains(letter.Place));
            sent(chunk.Length);
        }

        if (!complete)
        {
            Problems.Add("a letter without value cannot be sent again: its record may still be in its topic; --skip leaves it out");
        }

        return complete;
    }

    private bool IsLost(DeadLetter letter) => letter.IsTruncated && !skipped.Contains(letter.Place);

    /// <summary>Letters behind the one that the state names may lack a neighbour that is still being written.</summary>
    private static bool IsComplete(DeadLetter letter, ParkedState? state) =>
        state is null
        || Positions.Source(letter.Position) != Positions.Source(state.Last)
        || Positions.Offset(letter.Position) <= Positions.Offset(state.Last);

    /// <summary>The first state that differs from the one given, else that one when patience ends.</summary>
    private async Task<ParkedState?> AnswerAsync(byte[] stream, ParkedState asked, CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var state = topic.StateOf(stream, cancellationToken);
            if (state is null || state.Since != asked.Since || state.Last != asked.Last || TimeProvider.System.GetElapsedTime(started) > patience)
            {
                return state;
            }

            await Task.Delay(Period, TimeProvider.System, cancellationToken);
        }
    }
}
