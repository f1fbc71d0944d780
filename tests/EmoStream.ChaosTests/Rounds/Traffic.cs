using EmoStream.Client.Produce;
using EmoStream.Contracts.Events;
using EmoStream.Testing.Ledger;

namespace EmoStream.ChaosTests.Rounds;

/// <summary>
/// Meetings that go on while the world breaks: new conversations each round, and some that are held all the time. Half of
/// them are revised and retracted by their speech recognition; some are ended and go on all the same; producers repeat
/// themselves. What is said follows from the seed and the round's number; how much of it, from how long the faults take.
/// </summary>
internal sealed class Traffic(UtteranceProducer producer, int seed)
{
    /// <summary>How every conversation's id begins.</summary>
    public const string IdPrefix = "talk-";

    private const int PerSecond = 200;
    private const int NewConversations = 24;
    private const int StandingConversations = 8;
    private const int Recent = 10;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(20);
    private static readonly string[] Words = "we should look at this again because the numbers are not what anybody expected so please do not worry".Split(' ');

    private readonly Transcript _transcript = new();
    private readonly Dictionary<string, List<UtteranceEvent>> _said = [];
    private readonly List<UtteranceEvent> _sent = [];
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<Task> _underWay = [];
    private readonly List<(long Count, TaskCompletionSource Reached)> _waiting = [];
    private readonly Lock _lock = new();
    private string[] _open = [];
    private Random _random = new(seed);
    private long _acknowledged;

    /// <summary>All that was sent.</summary>
    public DeliveryLedger Ledger { get; } = new();

    /// <summary>Conversations of this round.</summary>
    public IReadOnlyList<string> Open => _open;

    /// <summary>Those of them that are never revised.</summary>
    public IReadOnlyList<string> Plain => [.. _open.Where(conversation => !IsRevised(conversation))];

    /// <summary>How many those are.</summary>
    public const int PlainConversations = (NewConversations + StandingConversations) / 2;

    /// <summary>Events that Kafka has acknowledged, since the world began.</summary>
    public long Acknowledged => Interlocked.Read(ref _acknowledged);

    /// <summary>Opens the conversations of a round.</summary>
    public void Begin(int round)
    {
        _random = Schedule.RandomOf(seed, -round);
        _open =
        [
            .. Enumerable.Range(0, NewConversations).Select(c => $"{IdPrefix}{round}-{c}"),
            .. Enumerable.Range(0, StandingConversations).Select(c => $"{IdPrefix}standing-{c}"),
        ];
    }

    /// <summary>Speaks until told to stop; returns when Kafka has it all, and fails as soon as it refuses something.</summary>
    public async Task SpeakAsync(Task stop, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Tick, TimeProvider.System);
        while (!stop.IsCompleted && await timer.WaitForNextTickAsync(cancellationToken))
        {
            if (_failed.Task.IsFaulted) await _failed.Task;
            for (var i = 0; i < PerSecond * Tick.TotalSeconds; i++) Send(Next(), cancellationToken);
        }

        await Task.WhenAll(_underWay);
        _underWay.Clear();
        foreach (var conversation in _open.Where(_said.ContainsKey)) Ledger.Expect(_transcript.Scored(conversation));
    }

    /// <summary>A producer that does not know what has arrived: the latest events again, revisions and retractions among them.</summary>
    public void Repeat(int count, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            // What left the window is scored by other rules, which a transcript does not know.
            var again = _sent.TakeLast(count).Where(e => e.Kind == UtteranceKind.Utterance || IsRecent(e)).ToList();
            if (again.Count == 0) throw new InvalidOperationException("Nothing was said that could be said again.");
            foreach (var e in again) Send(e, cancellationToken);
        }
    }

    /// <summary>Completes when Kafka has acknowledged so many events more than at the call.</summary>
    public Task AfterAsync(long more)
    {
        lock (_lock)
        {
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((Acknowledged + more, reached));
            return reached.Task;
        }
    }

    private void Send(UtteranceEvent e, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            Ledger.Sent(e);
            _transcript.Sent(e);
            _sent.Add(e);
            _underWay.Add(SendAsync(e, cancellationToken));
        }
    }

    private async Task SendAsync(UtteranceEvent e, CancellationToken cancellationToken)
    {
        try
        {
            await producer.ProduceAsync(e, cancellationToken);
        }
        catch (Exception failure)
        {
            _failed.TrySetException(failure);
            throw;
        }

        var acknowledged = Interlocked.Increment(ref _acknowledged);
        lock (_lock)
        {
            foreach (var (_, reached) in _waiting.Where(w => w.Count <= acknowledged)) reached.TrySetResult();
            _waiting.RemoveAll(w => w.Count <= acknowledged);
        }
    }

    private UtteranceEvent Next()
    {
        var conversation = _open[_random.Next(_open.Length)];
        lock (_lock)
        {
            if (!_said.TryGetValue(conversation, out var said)) _said.Add(conversation, said = []);
            var isRevised = said.Count > 0 && IsRevised(conversation);
            return _random.Next(100) switch
            {
                < 6 when isRevised => Revise(said),
                < 9 when isRevised => said[Pick(said)] with { Kind = UtteranceKind.Retraction, Text = null, Speaker = null, StartMs = null, EndMs = null },
                < 12 when said.Count > 0 => said[Pick(said)],
                < 13 when said.Count > 0 => new() { ConversationId = conversation, UtteranceId = "", Kind = UtteranceKind.End },
                _ => Say(conversation, said),
            };
        }
    }

    /// <summary>Every other conversation stays plain: there the number of changes is exact, and a doubled one shows.</summary>
    private static bool IsRevised(string conversation) => conversation[^1] % 2 == 0;

    private UtteranceEvent Say(string conversation, List<UtteranceEvent> said)
    {
        var e = new UtteranceEvent
        {
            ConversationId = conversation,
            UtteranceId = $"u{said.Count}",
            Speaker = new($"s{_random.Next(4)}", "participant"),
            StartMs = said.Count * 3000L,
            EndMs = (said.Count * 3000L) + 2500,
            Text = Text(),
        };
        said.Add(e);
        return e;
    }

    private UtteranceEvent Revise(List<UtteranceEvent> said) => said[Pick(said)] with { Kind = UtteranceKind.Revision, Text = Text() };

    private bool IsRecent(UtteranceEvent e) => _said[e.ConversationId].FindLastIndex(said => said.UtteranceId == e.UtteranceId) >= _said[e.ConversationId].Count - Recent;

    private int Pick(List<UtteranceEvent> said) => said.Count - 1 - _random.Next(Math.Min(Recent, said.Count));

    private string Text() => string.Join(' ', Enumerable.Range(0, _random.Next(3, 12)).Select(_ => Words[_random.Next(Words.Length)]));
}
