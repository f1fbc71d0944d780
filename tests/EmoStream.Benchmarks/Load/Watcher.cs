using System.Diagnostics;
using System.Globalization;
using StackExchange.Redis;

namespace EmoStream.Benchmarks.Load;

/// <summary>Sees every commit by its notification, and so when each utterance became visible.</summary>
internal sealed class Watcher
{
    private readonly int[][] _utterances;
    private readonly int[] _latest;
    private readonly long[] _visibleAt;
    private readonly string _prefix;
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _left;

    private Watcher(Workload workload, string prefix, int? except)
    {
        _prefix = prefix + "-";
        _utterances = new int[workload.Keys.Length][];
        _latest = new int[workload.Keys.Length];
        _visibleAt = new long[workload.Values.Length];
        _left = workload.Values.Length;
        foreach (var group in Enumerable.Range(0, _left).GroupBy(i => workload.ConversationOf[i])) _utterances[group.Key] = [.. group];
        if (except is not { } poisoned) return;
        _left -= _utterances[poisoned].Length;
        _utterances[poisoned] = [];
    }

    /// <summary>Stopwatch ticks at which each utterance's entry was announced.</summary>
    public IReadOnlyList<long> VisibleAt => _visibleAt;

    public int Left => Volatile.Read(ref _left);

    /// <param name="redis">Where the entries become visible.</param>
    /// <param name="workload">What will be sent.</param>
    /// <param name="prefix">Of its conversations.</param>
    /// <param name="except">A conversation that is not watched.</param>
    public static async Task<Watcher> StartAsync(IConnectionMultiplexer redis, Workload workload, string prefix, int? except = null)
    {
        var watcher = new Watcher(workload, prefix, except);
        var queue = await redis.GetSubscriber().SubscribeAsync(RedisChannel.Pattern("emostream:*:changes"));
        queue.OnMessage(m => watcher.See((string)m.Channel!, (long)m.Message));
        return watcher;
    }

    /// <summary>All utterances are visible.</summary>
    /// <exception cref="TimeoutException">Nothing more came for a minute.</exception>
    public async Task DoneAsync(CancellationToken cancellationToken)
    {
        for (var before = -1; !_done.Task.IsCompleted; before = Left)
        {
            if (before == Left) throw new TimeoutException($"{Left} of {_visibleAt.Length} utterances were not committed within a minute.");
            await Task.WhenAny(_done.Task, Task.Delay(TimeSpan.FromMinutes(1), TimeProvider.System, cancellationToken));
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    // One queue: messages come one at a time.
    private void See(string channel, long change)
    {
        var now = Stopwatch.GetTimestamp();
        var id = channel.AsSpan(channel.IndexOf('{', StringComparison.Ordinal) + 1);
        id = id[..id.IndexOf('}')];
        if (!id.StartsWith(_prefix)) return;
        var c = int.Parse(id[_prefix.Length..], CultureInfo.InvariantCulture);
        while (_latest[c] < change && _latest[c] < _utterances[c].Length)
        {
            _visibleAt[_utterances[c][_latest[c]++]] = now;
            if (Interlocked.Decrement(ref _left) == 0) _done.TrySetResult();
        }
    }
}
