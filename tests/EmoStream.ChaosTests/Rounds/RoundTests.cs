namespace EmoStream.ChaosTests.Rounds;

/// <summary>
/// The first rounds of one seed, which meet every fault at least once. More of them:
/// <c>dotnet run --project tests/EmoStream.ChaosTests -- --rounds 200 --seed 1</c>; one of these again:
/// <c>--rounds 1 --first 9 --seed 7</c>.
/// </summary>
public sealed class RoundTests(RoundTests.Fixture fixture) : IClassFixture<RoundTests.Fixture>
{
    private const int Seed = 7;

    public static TheoryData<int> Numbers => [.. Enumerable.Range(1, Schedule.Kinds)];

    [Theory]
    [MemberData(nameof(Numbers))]
    public async Task Round_OfTheSeed_EveryTimelineAsIfNothingHadHappened(int number)
    {
        Assert.SkipUnless(World.Unavailable is null, World.Unavailable ?? "");
        var schedule = Schedule.Of(Seed, number);
        TestContext.Current.TestOutputHelper?.WriteLine(schedule.ToString());
        var world = await fixture.TakeAsync();
        var result = await Round.RunAsync(world, schedule, TestContext.Current.CancellationToken);
        Assert.True(result.Report.IsClean, $"{schedule}: {result.Report}\n{world.Tail()}");
        await world.HealAsync();
        world.IsBroken = false;
    }

    [Fact]
    public void Schedule_OfASeed_AlwaysTheSameAndOfEveryKind()
    {
        var rounds = Enumerable.Range(1, Schedule.Kinds).Select(n => Schedule.Of(Seed, n)).ToList();
        Assert.Equal(rounds.Select(r => r.ToString()), Enumerable.Range(1, Schedule.Kinds).Select(n => Schedule.Of(Seed, n).ToString()));
        Assert.Equal(Schedule.Kinds, rounds.SelectMany(r => r.Faults).Select(f => f.Fault.Kind).Distinct().Count());
    }

    /// <summary>One world for all rounds, as long as none leaves it broken.</summary>
    public sealed class Fixture : IAsyncLifetime
    {
        private World? _world;

        /// <inheritdoc />
        public ValueTask InitializeAsync() => ValueTask.CompletedTask;

        internal async Task<World> TakeAsync()
        {
            if (_world is { IsBroken: true })
            {
                await _world.DisposeAsync();
                _world = null;
            }

            _world ??= await World.StartAsync(Seed, TestContext.Current.CancellationToken);
            _world.IsBroken = true;
            return _world;
        }

        /// <summary>Judges the world as a whole.</summary>
        public async ValueTask DisposeAsync()
        {
            if (_world is null) return;
            var complaint = _world.IsBroken ? null : await _world.EndAsync(CancellationToken.None);
            await _world.DisposeAsync();
            Assert.Null(complaint);
        }
    }
}
