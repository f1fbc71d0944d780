using StackExchange.Redis;

namespace EmoStream.Timeline.Read;

/// <summary>
/// Wakes followers. All followers of a conversation share one subscription; a notification only says "look again", so
/// missed or doubled ones do no harm, and a slow follower piles nothing up. Because pub/sub forgets whoever is away,
/// followers also look again when a connection is restored and every <see cref="RecheckPeriod"/>.
/// </summary>
internal sealed class ConversationChanges : IAsyncDisposable
{
    /// <summary>The longest a follower can lag when a notification is lost.</summary>
    public static readonly TimeSpan RecheckPeriod = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Topic> _topics = new(StringComparer.Ordinal);
    private readonly IConnectionMultiplexer _redis;
    private readonly ISubscriber _subscriber;
    private readonly ITimer _recheck;

    public ConversationChanges(IConnectionMultiplexer redis, TimeProvider timeProvider)
    {
        _redis = redis;
        _subscriber = redis.GetSubscriber();
        _redis.ConnectionRestored += OnConnectionRestored;
        _recheck = timeProvider.CreateTimer(static changes => ((ConversationChanges)changes!).Recheck(), this, RecheckPeriod, RecheckPeriod);
    }

    /// <summary>Joins the followers of a channel; dispose to leave.</summary>
    public Follower Follow(RedisChannel channel)
    {
        lock (_lock)
        {
            var name = channel.ToString();
            if (!_topics.TryGetValue(name, out var topic))
            {
                _topics.Add(name, topic = new Topic(channel, _subscriber));
            }

            topic.Followers++;
            TimelineMetrics.Following(1);
            return new Follower(this, topic);
        }
    }

    private void Leave(Topic topic)
    {
        lock (_lock)
        {
            topic.Followers--;
            TimelineMetrics.Following(-1);
        }
    }

    private void OnConnectionRestored(object? sender, ConnectionFailedEventArgs arguments)
    {
        foreach (var topic in Snapshot())
        {
            topic.Pulse();
        }
    }

    private void Recheck()
    {
        foreach (var topic in Snapshot())
        {
            topic.Pulse();
            if (Volatile.Read(ref topic.Followers) == 0)
            {
                _ = RetireAsync(topic);
            }
        }
    }

    private Topic[] Snapshot()
    {
        lock (_lock)
        {
            return [.. _topics.Values];
        }
    }

    /// <summary>
    /// Unsubscribes a topic that nobody follows any more. It stays in the dictionary until the server has answered, so that
    /// who comes meanwhile waits at its gate and subscribes after it, never before it.
    /// </summary>
    private async Task RetireAsync(Topic topic)
    {
        await topic.UnsubscribeAsync(() => Volatile.Read(ref topic.Followers) == 0);
        lock (_lock)
        {
            if (topic.Followers == 0)
            {
                _topics.Remove(topic.Channel.ToString());
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        _redis.ConnectionRestored -= OnConnectionRestored;
        await _recheck.DisposeAsync();
        await Task.WhenAll(Snapshot().Select(topic => topic.UnsubscribeAsync(() => true)));
    }

    /// <summary>One follower's handle.</summary>
    internal readonly struct Follower(ConversationChanges changes, Topic topic) : IDisposable
    {
        /// <summary>Completes when the conversation may have changed after this was read.</summary>
        public Task NextChange => topic.NextChange;

        /// <summary>Makes sure that the shared subscription stands; throws what Redis throws, and may be called again.</summary>
        public Task SubscribeAsync() => topic.SubscribeAsync();

        public void Dispose() => changes.Leave(topic);
    }

    /// <summary>The shared subscription of one conversation.</summary>
#pragma warning disable CA1001 // The gate is never waited on through a handle, so there is nothing to free; a late subscriber may still hold it.
    internal sealed class Topic(RedisChannel channel, ISubscriber subscriber)
#pragma warning restore CA1001
    {
        private readonly SemaphoreSlim _gate = new(1);
        private volatile bool _subscribed;
        private volatile TaskCompletionSource _next = NewSignal();

        /// <summary>Number of followers; written under the owner's lock.</summary>
        public int Followers;

        public RedisChannel Channel => channel;

        public Task NextChange => _next.Task;

        public void Pulse() => Interlocked.Exchange(ref _next, NewSignal()).TrySetResult();

        public async Task SubscribeAsync()
        {
            if (_subscribed)
            {
                return;
            }

            await _gate.WaitAsync();
            try
            {
                if (!_subscribed)
                {
                    await subscriber.SubscribeAsync(channel, OnMessage);
                    _subscribed = true;
                }
            }
            finally
            {
                _gate.Release();
            }
        }

        public async Task UnsubscribeAsync(Func<bool> stillIdle)
        {
            await _gate.WaitAsync();
            try
            {
                if (_subscribed && stillIdle())
                {
                    _subscribed = false;
                    await subscriber.UnsubscribeAsync(channel, OnMessage);
                }
            }
            catch (Exception exception) when (exception is RedisException or TimeoutException or ObjectDisposedException)
            {
                // The connection is gone, and its subscriptions with it.
            }
            finally
            {
                _gate.Release();
            }
        }

        private void OnMessage(RedisChannel _, RedisValue change) => Pulse();

        private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
