namespace EmoStream.ChaosTests.Rounds;

/// <summary>What goes wrong in one round, and after how many events.</summary>
/// <param name="Number">Counts the rounds from 1.</param>
/// <param name="Faults">With the number of acknowledged events at which each strikes.</param>
internal sealed record Schedule(int Number, IReadOnlyList<(int After, Fault Fault)> Faults)
{
    private const int LatestStart = 400;

    private static readonly Func<Random, Fault>[] Makers =
    [
        r => new KillSilo(Silo(r), Seconds(r, 0, 4)),
        r => new StopSilo(Silo(r)),
        r => new FreezeSilo(Silo(r), Seconds(r, 5, 20)),
        r => new Rebalance(Silo(r), r.Next(100, 400)),
        r => new KillKafka(Seconds(r, 0, 3)),
        r => new KillRedis(Seconds(r, 0, 3)),
        r => new RestoreRedis(Age(r)),
        r => new FailOverRedis(Age(r)),
        r => new CutKafka(r.Next(2) == 0, Seconds(r, 0.2, 4)),
        r => new CutRedis(r.Next(2) == 0, Seconds(r, 0.2, 4)),
        r => new SlowRedis(r.Next(5, 100), Seconds(r, 2, 5)),
        r => new SlowScorer(r.Next(20, 500), Seconds(r, 2, 5)),
        r => new RepeatProduce(r.Next(10, 500)),
        r => new PoisonConversation(r.Next(Traffic.PlainConversations), r.Next(50, 500)),
    ];

    /// <summary>How many kinds of faults there are.</summary>
    public static int Kinds => Makers.Length;

    /// <summary>The round of a seed: every kind comes as often as any other, one to three at a time.</summary>
    public static Schedule Of(int seed, int number)
    {
        var random = RandomOf(seed, number);
        var faults = new List<(int, Fault)>();
        var count = random.Next(10) switch { < 5 => 1, < 8 => 2, _ => 3 };
        // The first of a round takes turns, so that every kind is met; the others are drawn.
        for (var maker = number - 1; faults.Count < count; maker = random.Next(Makers.Length))
        {
            var fault = Makers[maker % Makers.Length](random);
            if (!faults.Exists(f => f.Item2.Targets.Intersect(fault.Targets).Any())) faults.Add((random.Next(LatestStart), fault));
        }

        return new(number, faults);
    }

    /// <summary>What it does, in a line.</summary>
    public override string ToString() => string.Join(" + ", Faults.Select(f => $"{f.Fault} at {f.After}"));

    /// <summary>The chance of one round: the same whichever rounds came before it.</summary>
    public static Random RandomOf(int seed, int number) => new(unchecked((seed * 1_000_003) + number));

    private static int Silo(Random random) => random.Next(World.SiloCount);

    private static double Seconds(Random random, double least, double most) => Math.Round(least + (random.NextDouble() * (most - least)), 1);

    /// <summary>2 to 30 s; most losses are short.</summary>
    private static double Age(Random random) => Math.Round(2 + (28 * Math.Pow(random.NextDouble(), 4)), 1);
}
