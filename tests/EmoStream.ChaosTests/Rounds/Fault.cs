using System.Text;
using EmoStream.Testing;
using EmoStream.Testing.Processes;
using EmoStream.Testing.Redis;
using StackExchange.Redis;

namespace EmoStream.ChaosTests.Rounds;

/// <summary>
/// One thing that goes wrong, and is right again when it has run. One that did not go wrong (nobody there to kill, nothing lost
/// by a restore, nothing in the way of a cut) throws: a round without its fault shows nothing.
/// </summary>
/// <param name="Targets">What it breaks; a round breaks nothing twice at a time.</param>
internal abstract record Fault(params string[] Targets)
{
    private const string Marker = "chaos:marker";

    /// <summary>Which fault.</summary>
    public string Kind => GetType().Name;

    /// <summary>Breaks it, waits, repairs it.</summary>
    public abstract Task RunAsync(World world, CancellationToken cancellationToken);

    /// <summary>Only what a fault says of itself: <c>KillSilo { Silo = 1, Away = 2.2 }</c>.</summary>
    protected virtual bool PrintMembers(StringBuilder builder) => false;

    /// <summary>A write that Redis acknowledges and is to lose.</summary>
    protected static async Task MarkAsync(World world, Guid mark)
    {
        await using var redis = await ConnectionMultiplexer.ConnectAsync(world.Redis.ConnectionString);
        await redis.GetDatabase().StringSetAsync(Marker, mark.ToString());
    }

    /// <summary>Requires that it is lost.</summary>
    protected static async Task AssertLostAsync(World world, Guid mark)
    {
        await using var redis = await ConnectionMultiplexer.ConnectAsync(world.Redis.ConnectionString);
        if (await redis.GetDatabase().StringGetAsync(Marker) == mark.ToString()) throw new InvalidOperationException("Redis still has what it was to lose.");
    }

    /// <summary>A disturbance lasts by the clock: that is what it is.</summary>
    protected static Task Last(double seconds, CancellationToken cancellationToken) => Task.Delay(TimeSpan.FromSeconds(seconds), TimeProvider.System, cancellationToken);
}

/// <summary>kill -9, and a new silo some time later.</summary>
internal sealed record KillSilo(int Silo, double Away) : Fault($"silo {Silo}")
{
    public override async Task RunAsync(World world, CancellationToken cancellationToken)
    {
        await (await world.AliveAsync(Silo)).KillAsync();
        world.Forget(Silo);
        await Last(Away, cancellationToken);
        await world.StartSiloAsync(Silo);
    }
}

/// <summary>SIGTERM, and a new silo when it has ended: a deployment.</summary>
internal sealed record StopSilo(int Silo) : Fault($"silo {Silo}")
{
    public override async Task RunAsync(World world, CancellationToken cancellationToken)
    {
        await world.StopSiloAsync(Silo);
        await world.StartSiloAsync(Silo);
    }
}

/// <summary>
/// SIGSTOP, longer than the others wait before they declare it dead, then SIGCONT: it wakes up amid what it was writing, learns
/// that it counts as dead, and ends. One that was not declared dead, because others were away as well, is frozen again.
/// </summary>
internal sealed record FreezeSilo(int Silo, double Seconds) : Fault($"silo {Silo}")
{
    private const int Attempts = 3;
    private const double SecondsToLearn = 8;

    public override async Task RunAsync(World world, CancellationToken cancellationToken)
    {
        await Eventually.TrueAsync(_ => world.HasTakenPartitionsAsync(Silo), () => "the silo has partitions");
        var silo = await world.AliveAsync(Silo);
        for (var attempt = 1; !silo.HasExited; attempt++)
        {
            if (attempt > Attempts) throw new InvalidOperationException("The others have not declared the frozen silo dead.");
            silo.Freeze();
            try
            {
                await Last(Seconds, cancellationToken);
                if (silo.HasExited) throw new InvalidOperationException("The frozen silo has ended.");
            }
            finally
            {
                silo.Thaw();
            }

            await Task.WhenAny(silo.EndedAsync(), Last(SecondsToLearn, cancellationToken));
        }
    }
}

/// <summary>One silo more, then one fewer: partitions and conversations move twice.</summary>
internal sealed record Rebalance(int Silo, int Events) : Fault($"silo {Silo}", "the spare silo")
{
    public override async Task RunAsync(World world, CancellationToken cancellationToken)
    {
        await world.AliveAsync(World.SiloCount);
        await Eventually.TrueAsync(_ => world.HasTakenPartitionsAsync(World.SiloCount), () => "the spare silo takes partitions over");
        await world.Traffic.AfterAsync(Events).WaitAsync(cancellationToken);
        await world.StopSiloAsync(Silo);
        await world.Traffic.AfterAsync(Events).WaitAsync(cancellationToken);
        await world.StartSiloAsync(Silo);
        await world.StopSiloAsync(World.SiloCount);
    }
}

/// <summary>kill -9 of the broker, and back on its data.</summary>
internal sealed record KillKafka(double Away) : Fault("Kafka")
{
    public override async Task RunAsync(World world, CancellationToken cancellationToken)
    {
        await world.Kafka.KillAsync();
        await Last(Away, cancellationToken);
        await world.Kafka.RestartAsync(cancellationToken);
    }
}

/// <summary>kill -9 of Redis, and back on its data.</summary>
internal sealed record KillRedis(double Away) : Fault("Redis")
{
    public override async Task RunAsync(World world, CancellationToken cancellationToken)
    {
        await world.Redis.KillAsync();
        await Last(Away, cancellationToken);
        await world.Redis.RestartAsync();
    }
}

/// <summary>Redis is put back to its files of some time ago: a restored snapshot, a power cut under <c>everysec</c>.</summary>
internal sealed record RestoreRedis(double Age) : Fault("Redis")
{
    public override async Task RunAsync(World world, CancellationToken cancellationToken)
    {
        using var copy = await AppendOnlyCopy.TakeAsync(world.Redis);
        var mark = Guid.NewGuid();
        await Last(Age, cancellationToken);
        await MarkAsync(world, mark);
        await copy.RestoreAsync();
        await AssertLostAsync(world, mark);
    }
}

/// <summary>The primary dies and a replica takes over whose link had been cut some time ago.</summary>
internal sealed record FailOverRedis(double Lag) : Fault("Redis")
{
    public override async Task RunAsync(World world, CancellationToken cancellationToken)
    {
        var replica = await RedisServer.StartAsync();
        await using var connection = await ConnectionMultiplexer.ConnectAsync(replica.ConnectionString + ",allowAdmin=true");
        var server = connection.GetServers()[0];
        // Said, not configured: when it is killed later it comes back as the primary that it is then.
        await server.ExecuteAsync("REPLICAOF", "127.0.0.1", world.Redis.Port);
        await Eventually.TrueAsync(
            async _ => (await server.InfoRawAsync("replication"))?.Contains("master_link_status:up", StringComparison.Ordinal) == true, () => "the replica is in step");
        await server.ExecuteAsync("REPLICAOF", "127.0.0.1", "1");
        await Last(Lag, cancellationToken);
        var mark = Guid.NewGuid();
        await MarkAsync(world, mark);
        await world.Redis.KillAsync();
        await server.ExecuteAsync("REPLICAOF", "NO", "ONE");
        await world.FailOverTo(replica);
        await AssertLostAsync(world, mark);
    }
}

/// <summary>A network is disturbed for a while, and for as long as nobody has met with it.</summary>
internal abstract record Disturb(double Seconds, params string[] Targets) : Fault(Targets)
{
    public override async Task RunAsync(World world, CancellationToken cancellationToken)
    {
        var line = Line(world);
        var before = line.Disturbed;
        Begin(line);
        await Last(Seconds, cancellationToken);
        await Eventually.TrueAsync(() => line.Disturbed > before, () => $"somebody uses {Targets[0]}");
        End(line);
    }

    protected abstract TcpProxy Line(World world);

    protected abstract void Begin(TcpProxy line);

    protected virtual void End(TcpProxy line) => line.Restore();
}

/// <summary>Connections are reset, or nothing passes any longer.</summary>
internal abstract record Cut(bool Stall, double Seconds, params string[] Targets) : Disturb(Seconds, Targets)
{
    protected override void Begin(TcpProxy line)
    {
        if (Stall) line.Stall();
        else line.Cut();
    }
}

/// <summary>Connections to Kafka.</summary>
internal sealed record CutKafka(bool Stall, double Seconds) : Cut(Stall, Seconds, "Kafka's network")
{
    protected override TcpProxy Line(World world) => world.KafkaLine;
}

/// <summary>Connections to Redis.</summary>
internal sealed record CutRedis(bool Stall, double Seconds) : Cut(Stall, Seconds, "Redis' network")
{
    protected override TcpProxy Line(World world) => world.RedisLine;
}

/// <summary>Every answer of Redis takes its time.</summary>
internal sealed record SlowRedis(int Milliseconds, double Seconds) : Disturb(Seconds, "Redis' network")
{
    protected override TcpProxy Line(World world) => world.RedisLine;

    protected override void Begin(TcpProxy line) => line.Latency = TimeSpan.FromMilliseconds(Milliseconds);

    protected override void End(TcpProxy line) => line.Latency = TimeSpan.Zero;
}

/// <summary>Every batch of the model takes its time.</summary>
internal sealed record SlowScorer(int Milliseconds, double Seconds) : Fault("the model")
{
    public override async Task RunAsync(World world, CancellationToken cancellationToken)
    {
        if (await world.SlowScorerAsync(Milliseconds, cancellationToken) == 0) throw new InvalidOperationException("No silo was there to be slowed down.");
        await Last(Seconds, cancellationToken);
        await world.SlowScorerAsync(0, cancellationToken);
    }
}

/// <summary>A producer sends the latest events again.</summary>
internal sealed record RepeatProduce(int Events) : Fault("the producer")
{
    public override Task RunAsync(World world, CancellationToken cancellationToken)
    {
        world.Traffic.Repeat(Events, cancellationToken);
        return Task.CompletedTask;
    }
}

/// <summary>
/// A conversation that no grain can take is given up and parked; some time later its state is back, and it is sent again, once,
/// whatever else is broken at that moment. It is sent again until it goes on when the round is judged.
/// </summary>
internal sealed record PoisonConversation(int Conversation, int Events) : Fault("a conversation")
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    public override async Task RunAsync(World world, CancellationToken cancellationToken)
    {
        var id = world.Traffic.Plain[Conversation];
        await Eventually.TrueAsync(async _ => await TryAsync(() => world.Poison.InflictAsync(id)) && (await world.Poison.ParkedAsync())?.Contains(id) == true, () => "the conversation is parked", Patience);
        await world.Traffic.AfterAsync(Events).WaitAsync(cancellationToken);
        if (await TryAsync(world.Poison.CureAsync)) await world.Poison.RedriveAsync();
    }

    /// <summary>Redis, too, may be away.</summary>
    private static async Task<bool> TryAsync(Func<Task> ask)
    {
        try
        {
            await ask();
            return true;
        }
        catch (Exception e) when (e is RedisException or RedisTimeoutException)
        {
            return false;
        }
    }
}
