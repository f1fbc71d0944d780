using Confluent.Kafka;
using EmoStream.Streaming.Kafka.DeadLetters;
using ErrorCode = Confluent.Kafka.ErrorCode;

namespace EmoStream.Cli.DeadLetters;

/// <summary>
/// Sends letters again. Those that stand alone just go; those of a parked conversation go together, in the order in which
/// they were sent for the first time, and are followed by an end: the silo takes the conversation up again when no live
/// record has become a letter meanwhile, else those are sent as well.
/// </summary>
/// <remarks>
/// Only a letter leads to a conversation that is parked. So the last one that was sent stays until the end was answered:
/// whoever is interrupted before finds it and sends it again, with an end. Its record goes twice then, with no live one in between: when
/// the conversation was continued meanwhile nothing is sent, because it would come behind what was said since.
/// </remarks>
internal sealed class Redrive(DeadLetterTopic topic, IReadOnlySet<Place> skipped, TimeSpan patience, Action<int> sent)
{
    private const int Chunk = 500;

    /// <summary>The events of the letters that are left out: their copies are, too.</summary>
    private readonly HashSet<(string Parking, string Event)> _leftOut = [];

    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(250);

    public int Sent { get; private set; }

    public int Skipped { get; private set; }

    public int Conversations { get; private set; }

    /// <summary>Letters that had been sent before and lacked their note alone.</summary>
    public int Done { get; private set; }

    /// <summary>What could not be done; without ids.</summary>
    public List<string> Problems { get; } = [];

    /// <summary>Sends the letters that were chosen, and those that wait with them. A conversation of several partitions is parked in each by itself.</summary>
    public async Task RunAsync(List<DeadLetter> chosen, CancellationToken cancellationToken)
    {
        LeaveOut(chosen);
        await SendAsync([.. chosen.Where(letter => letter.Stream is null)], null, [], cancellationToken);
        foreach (var stream in chosen.Where(letter => letter.Stream is not null).DistinctBy(letter => (letter.SourcePartition, topic.ParkingOf(letter), Convert.ToHexString(letter.Stream!))))
        {
            await ContinueAsync(stream, cancellationToken);
        }
    }

    /// <summary>The letters of the same conversation and partition, and this one. Two deployments may have letters of one record in one topic, each with a parking of its own.</summary>
    public static bool WaitsWith(DeadLetterTopic topic, DeadLetter letter, DeadLetter other) =>
        letter.SourcePartition == other.SourcePartition && topic.ParkingOf(letter) == topic.ParkingOf(other) && letter.Stream is { } stream && other.Stream is { } its && stream.AsSpan().SequenceEqual(its);

    private async Task ContinueAsync(DeadLetter any, CancellationToken cancellationToken)
    {
        var read = new ReadLetters();
        // From the first end on: however many letters lie there, they have the time that they take.
        long? asked = null;
        while (true)
        {
            // The state first: every letter that it names is there when the topic is read. Others may lack a neighbour that is still being written.
            var latest = topic.LatestStateOf(any, cancellationToken);
            var state = latest is { Ended: false } ? latest : null;
            if (state is { Last: null })
            {
                // Just being parked, or by a silo that has died since: the next owner of the partition goes on with it.
                state = await AnswerAsync(any, state, cancellationToken);
            }

            if (state is { Last: null })
            {
                Problems.Add("a conversation is being parked, and its letters are not complete yet: no silo reads it, or the letters are not acknowledged; try again later");
                return;
            }

            var letters = topic.Read(letter => WaitsWith(topic, letter, any), cancellationToken, read)
                .Where(letter => WaitsWith(topic, letter, any) && state?.Names(letter.Position) != false)
                .ToList();
            // A topic that was deleted and created again begins anew: what it had before goes first.
            var sources = letters.Select(letter => letter.OriginSource).Distinct().ToList();
            letters = [.. letters.OrderBy(letter => sources.IndexOf(letter.OriginSource)).ThenBy(letter => letter.OriginOffset)];
            if (state is null && topic.StateOf(any, cancellationToken) is not null)
            {
                continue; // parked between the two: letters of that must not go without an end
            }

            var done = letters.FindAll(letter => latest?.EndOf(letter.Parking) is not null);
            await Task.WhenAll(done.Select(topic.SettleAsync));
            Done += done.Count;
            letters = [.. letters.Except(done)];
            if (state is null && done.Count > 0 && letters.Count == 0)
            {
                return;
            }

            LeaveOut(letters);
            var kept = state is null ? [] : Kept(letters);
            if (!await SendAsync(letters, state?.Since, kept, cancellationToken))
            {
                return;
            }

            if (!topic.IsThere(any.Topic))
            {
                // All were left out, and nobody is there to hear of it.
                await Task.WhenAll(kept.Select(topic.SettleAsync));
                return;
            }

            if (state is null)
            {
                Conversations++;
                return;
            }

            await topic.SendEndAsync(any, state);
            asked ??= TimeProvider.System.GetTimestamp();
            var answer = await AnswerAsync(any, state, cancellationToken);
            if (answer?.Since == state.Since && answer.Mark == state.Mark)
            {
                Problems.Add("a conversation was sent again, but is not continued yet: no silo reads it, or one still tries (--timeout says how long to wait for it); its last letter stays, to send it again");
                return;
            }

            // Continued; or there is a newer letter, which the new state names.
            await Task.WhenAll(kept.Select(topic.SettleAsync));
            switch (answer)
            {
                case { } now when now.Since != state.Since:
                    Problems.Add($"a conversation failed again ({now.FailedWith}) and is parked anew");
                    return;
                case null:
                    Conversations++;
                    return;
                case not null when TimeProvider.System.GetElapsedTime(asked.Value) > patience:
                    Problems.Add("a conversation gets records faster than they can be sent again; try again when it is quieter, or with a longer --timeout");
                    return;
            }
        }
    }

    /// <summary>
    /// The last letter that is sent, and its copies. One that is left out stays only where all are: without its --skip it
    /// would be sent the next time.
    /// </summary>
    private HashSet<DeadLetter> Kept(List<DeadLetter> letters)
    {
        var last = letters.FindLast(letter => !IsLeftOut(letter)) ?? letters.LastOrDefault();
        return [.. letters.Where(letter => letter.Event == last?.Event)];
    }

    /// <summary>Sends, and settles all but those kept; false: a letter could not be sent, and nothing behind it may go.</summary>
    private async Task<bool> SendAsync(List<DeadLetter> letters, string? parking, HashSet<DeadLetter> kept, CancellationToken cancellationToken)
    {
        var complete = true;
        if (parking is not null && letters.Find(letter => Obstacle(letter) is not null) is { } first)
        {
            Refuse(Obstacle(first)!);
            letters = letters[..letters.IndexOf(first)];
        }

        foreach (var chunk in letters.Chunk(Chunk))
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (var obstacle in chunk.Select(Obstacle).OfType<string>().Distinct())
            {
                Refuse(obstacle);
            }

            // Copies of one letter go once and are settled together.
            var going = chunk.Where(letter => !IsLeftOut(letter) && Obstacle(letter) is null).GroupBy(letter => letter.Event).ToList();
            var refusals = parking is null
                ? await Task.WhenAll(going.Select(copies => TrySendAsync(copies.First(), null)))
                : await SendInOrderAsync(going, parking);
            going = going[..refusals.Length];
            var gone = going.Where((_, i) => refusals[i] is null).ToList();
            var left = chunk.Where(IsLeftOut).ToList();
            await Task.WhenAll(gone.SelectMany(copies => copies).Concat(left).Where(letter => !kept.Contains(letter)).Select(topic.SettleAsync));
            Sent += gone.Count;
            Skipped += left.Count;
            sent(chunk.Length);
            for (var i = 0; i < going.Count; i++)
            {
                if (refusals[i] is { } error)
                {
                    Refuse($"letter {going[i].First().Place} was refused: {error.Reason}");
                }
            }

            if (refusals.Any(error => error is not null && (parking is not null || error.Code == ErrorCode.Local_MsgTimedOut)))
            {
                // Out of order, or in vain: Kafka does not answer.
                return false;
            }
        }

        return complete;

        void Refuse(string problem)
        {
            complete = false;
            if (!Problems.Contains(problem))
            {
                Problems.Add(problem);
            }
        }
    }

    /// <summary>Each when the one before has arrived, up to the first that Kafka refuses: none may overtake another.</summary>
    private async Task<Error?[]> SendInOrderAsync(IEnumerable<IEnumerable<DeadLetter>> going, string parking)
    {
        var refusals = new List<Error?>();
        foreach (var copies in going)
        {
            refusals.Add(await TrySendAsync(copies.First(), parking));
            if (refusals[^1] is not null)
            {
                break;
            }
        }

        return [.. refusals];
    }

    /// <summary>What Kafka has against it; null: sent.</summary>
    private async Task<Error?> TrySendAsync(DeadLetter letter, string? parking)
    {
        try
        {
            await topic.SendAsync(letter, parking);
            return null;
        }
        catch (KafkaException e)
        {
            return e.Error;
        }
    }

    private bool IsLeftOut(DeadLetter letter) => _leftOut.Contains((topic.ParkingOf(letter), letter.Event));

    private void LeaveOut(IEnumerable<DeadLetter> letters) => _leftOut.UnionWith(letters.Where(letter => skipped.Contains(letter.Place)).Select(letter => (topic.ParkingOf(letter), letter.Event)));

    /// <summary>Why a letter cannot be sent; null for those that can, and those that are left out.</summary>
    private string? Obstacle(DeadLetter letter) =>
        IsLeftOut(letter) ? null
        : letter.IsTruncated ? "a letter without value cannot be sent again: its record may still be in its topic; --skip leaves it out"
        : !KafkaEnvironment.IsTopic(letter.Topic) ? $"letter {letter.Place} names no topic to send it to; --skip leaves it out"
        : !topic.IsThere(letter.Topic) ? $"letter {letter.Place} came from {letter.Topic}, and Kafka has no such topic; create it, or leave the letter out with --skip"
        : null;

    /// <summary>The first state that differs from the one given, else that one when patience ends.</summary>
    private async Task<ParkedState?> AnswerAsync(DeadLetter letter, ParkedState asked, CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var state = topic.StateOf(letter, cancellationToken);
            if (state is null || state.Since != asked.Since || state.Mark != asked.Mark || TimeProvider.System.GetElapsedTime(started) > patience)
            {
                return state;
            }

            await Task.Delay(Period, TimeProvider.System, cancellationToken);
        }
    }
}
