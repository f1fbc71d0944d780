using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Primitives;
using StackExchange.Redis;

namespace EmoStream.Timeline.Incarnation;

/// <summary>
/// Knows which life of Redis we write into, so that no write goes into another one unnoticed. Redis loses acknowledged writes
/// only by changing its process (it restarts from an older file, or a replica that lagged takes over), and a process has a
/// memory that neither files nor replication carry over: its script cache.
/// <code>
/// write ─ EVALSHA of a script under a name of our own ─► known here: the life that was verified
///                                                     └► NOSCRIPT: another process; verify, and only then write
/// verify: 1 whose life is it?   2 load the scripts under a new name   3 still the same life? else again
/// life:   a key holds its id; a script of that name is in the cache of every primary that lived when the id was given.
///         Data that came back under another process has the key, but not the script: a new life.
/// </code>
/// A write costs what it cost before. Redis 7, Valkey and Garnet keep scripts out of files and replication; Redis 6 does not.
/// </summary>
public sealed partial class RedisIncarnation : IDisposable
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(500);

    private readonly IConnectionMultiplexer _redis;
    private readonly IDatabase _database;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stop = new();
    private CancellationTokenSource _lost = new();
    private RedisLife? _current;
    private RedisLife? _latest;
    private Task<RedisLife>? _verifying;
    private bool _suspected;
    private bool _rechecking;

    /// <summary>Watches a connection; nothing is asked before the first write.</summary>
    public RedisIncarnation(IConnectionMultiplexer redis, TimeProvider timeProvider, ILogger<RedisIncarnation>? logger = null)
    {
        (_redis, _database, _time, _logger) = (redis, redis.GetDatabase(), timeProvider, logger ?? NullLogger<RedisIncarnation>.Instance);
        // A process does not change without one of these. Those who write learn it from the script; these tell the idle.
        redis.ConnectionFailed += OnConnection;
        redis.ConnectionRestored += OnConnection;
        redis.ConfigurationChanged += OnConfiguration;
    }

    /// <summary>Signals that another life has begun: what was acknowledged in the former ones may be missing.</summary>
    public IChangeToken Lost
    {
        get
        {
            lock (_lock)
            {
                return new CancellationChangeToken(_lost.Token);
            }
        }
    }

    /// <summary>Stops watching.</summary>
    public void Dispose()
    {
        _redis.ConnectionFailed -= OnConnection;
        _redis.ConnectionRestored -= OnConnection;
        _redis.ConfigurationChanged -= OnConfiguration;
        _stop.Cancel();
    }

    /// <summary>The present life, verified at least once; its end may not have been noticed yet.</summary>
    internal ValueTask<RedisLife> CurrentAsync() => Volatile.Read(ref _current) is { } life ? new(life) : new(VerifyAsync(null));

    /// <summary>Runs a script in one life and in no other.</summary>
    /// <param name="script">Which.</param>
    /// <param name="keys">KEYS.</param>
    /// <param name="values">ARGV.</param>
    /// <param name="fence">The life; null: the present one, whichever that is.</param>
    /// <returns>Its reply; null when <paramref name="fence"/> is not the present life: nothing was done.</returns>
    internal async Task<RedisResult?> EvaluateAsync(Func<RedisLife, byte[]> script, RedisKey[] keys, RedisValue[] values, string? fence = null)
    {
        var life = await CurrentAsync();
        if (fence is not null && fence != life.Id && fence != (life = await VerifyAsync(life)).Id)
        {
            return null;
        }

        try
        {
            // By its hash alone: with the text at hand the client would load the script where it is missing.
            return await _database.ScriptEvaluateAsync(script(life), keys, values);
        }
        catch (RedisServerException exception) when (exception.Kind == RedisErrorKind.NoScript)
        {
            life = await VerifyAsync(life);
            return fence is null || fence == life.Id ? await _database.ScriptEvaluateAsync(script(life), keys, values) : null;
        }
    }

    /// <summary>One verification at a time, for all who wait for one.</summary>
    /// <param name="suspect">The life that seems to be over; who finds another one here already takes that.</param>
    private Task<RedisLife> VerifyAsync(RedisLife? suspect)
    {
        lock (_lock)
        {
            if (_current is { } life && !ReferenceEquals(life, suspect))
            {
                return Task.FromResult(life);
            }

            _current = null;
            return _verifying ??= Task.Run(VerifyOnceAsync);
        }
    }

    private async Task<RedisLife> VerifyOnceAsync()
    {
        try
        {
            while (true)
            {
                lock (_lock)
                {
                    _suspected = false;
                }

                var id = await IdentifyAsync();
                var life = _latest is { } latest && latest.Id == id && await KnowsAsync(latest) ? latest : await LoadAsync(id);
                if (await IdentifyAsync() == id && TryPublish(life))
                {
                    return life;
                }
            }
        }
        finally
        {
            lock (_lock)
            {
                _verifying = null;
            }
        }
    }

    /// <returns>False when the connection changed meanwhile.</returns>
    private bool TryPublish(RedisLife life)
    {
        CancellationTokenSource? ended = null;
        lock (_lock)
        {
            if (_suspected)
            {
                return false;
            }

            if (_latest is not null && _latest.Id != life.Id)
            {
                (ended, _lost) = (_lost, new());
            }

            _current = _latest = life;
        }

        if (ended is not null)
        {
            LogLost();
            ended.Cancel();
        }

        return true;
    }

    /// <summary>The id of the life that the primaries are in; the first to ask in a new one gives it its id.</summary>
    private async Task<string> IdentifyAsync()
    {
        while (true)
        {
            var stored = await _database.StringGetAsync(RedisKeys.Life);
            if (!stored.IsNull && await AllAsync(server => server.ScriptExistsAsync(Marker(stored!))))
            {
                return stored!;
            }

            var id = Guid.NewGuid().ToString("N");
            await AllAsync(async server => await server.ScriptLoadAsync(Marker(id)) is not null);
            var giving = _database.CreateTransaction();
            giving.AddCondition(stored.IsNull ? Condition.KeyNotExists(RedisKeys.Life) : Condition.StringEqual(RedisKeys.Life, stored));
            _ = giving.StringSetAsync(RedisKeys.Life, id);
            if (await giving.ExecuteAsync())
            {
                return id;
            }
        }
    }

    private async Task<RedisLife> LoadAsync(string id)
    {
        // A name that nobody has seen: a write that still waits somewhere with an older one cannot slip in.
        var name = $"-- {Guid.NewGuid():N}\n";
        var (open, commit, claim, advance) = (name + LuaScripts.Open, name + LuaScripts.Commit, name + LuaScripts.Claim, name + LuaScripts.Advance);
        RedisLife? life = null;
        await AllAsync(async server =>
        {
            life = new(
                id,
                await server.ScriptLoadAsync(open),
                await server.ScriptLoadAsync(commit),
                await server.ScriptLoadAsync(claim),
                await server.ScriptLoadAsync(advance));
            return true;
        });
        return life!;
    }

    private Task<bool> KnowsAsync(RedisLife life) => AllAsync(async server =>
        await server.ScriptExistsAsync(life.Open) && await server.ScriptExistsAsync(life.Commit)
        && await server.ScriptExistsAsync(life.Claim) && await server.ScriptExistsAsync(life.Advance));

    /// <summary>Whether it holds for every primary that we are connected to.</summary>
    private async Task<bool> AllAsync(Func<IServer, Task<bool>> holds)
    {
        var found = false;
        foreach (var server in _redis.GetServers())
        {
            if (server is { IsConnected: true, IsReplica: false })
            {
                found = true;
                if (!await holds(server))
                {
                    return false;
                }
            }
        }

        return found ? true : throw new RedisConnectionException(
            ConnectionFailureType.UnableToResolvePhysicalConnection, CommandFlags.None, "No primary is connected.", null, CommandStatus.WaitingToBeSent);
    }

    private static string Marker(string id) => $"return '{id}'";

    private void OnConnection(object? sender, ConnectionFailedEventArgs arguments) => Suspect();

    private void OnConfiguration(object? sender, EndPointEventArgs arguments) => Suspect();

    /// <summary>Holds writes back until it is known whether this is another life, and finds out also when there are none.</summary>
    private void Suspect()
    {
        lock (_lock)
        {
            // Who has not asked yet cannot miss a change.
            if (_latest is null)
            {
                return;
            }

            (_suspected, _current) = (true, null);
            if (_rechecking)
            {
                return;
            }

            _rechecking = true;
        }

        _ = RecheckAsync();
    }

    private async Task RecheckAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await VerifyAsync(null);
                lock (_lock)
                {
                    if (_current is not null)
                    {
                        _rechecking = false;
                        return;
                    }
                }
            }
            catch (Exception)
            {
                // It is away, loading, or being replaced.
                await Task.Delay(RetryDelay, _time, CancellationToken.None);
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "Redis is another process than before, or not the same copy: acknowledged writes may be missing. Every partition is read again from the position that Redis still knows.")]
    private partial void LogLost();
}
