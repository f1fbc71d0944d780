using System.Reflection;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>
/// The list "Validate failure behavior" of Orleans' page
/// <see href="https://dotnet.github.io/orleans/docs/streaming/custom-queue-adapter/">Write a custom persistent-stream queue adapter</see>:
/// what an adapter has to be tested for against the real service. Tests name their point by <c>[Trait(Conformance.List, ...)]</c>;
/// <c>-trait "Conformance=4*"</c> runs those of one.
/// </summary>
/// <remarks>
/// Tests that need no more than Kafka's protocol stand in <see cref="KafkaStreamTests"/> and run on both brokers. The
/// others stand in <see cref="KafkaBrokerStreamTests"/> and beside it. What librdkafka's in-process cluster cannot do:
/// <list type="bullet">
/// <item>die and come back, freeze, keep records through that: it lives in its producer (2, 3)</item>
/// <item>quotas (2)</item>
/// <item>refuse a record for its size: topics have no settings (3)</item>
/// <item>tell a topic's id, add partitions, delete and recreate: it answers no admin requests, tokens hold within the process (4, 6)</item>
/// <item>delete records, look offsets up by time: retention is 5 MB a partition, without the topic's say (7)</item>
/// </list>
/// </remarks>
public sealed class Conformance
{
    public const string List = "Conformance";

    public const string Batches = "1 batches of several event types, request context";
    public const string Reads = "2 empty reads, cancellation, transient errors, throttling, shutdown";
    public const string Failures = "3 failure of producer, receiver and silo before and after acknowledgement";
    public const string Ownership = "4 ownership moves while membership changes";
    public const string Duplicates = "5 duplicate delivery, idempotent consumers";
    public const string Mapping = "6 stable mapping of streams to partitions";
    public const string Load = "7 load beyond the cache: back-pressure, retention";

    [Fact]
    public void List_EveryPoint_HasTestsOnTheRealBroker()
    {
        var tested = PointsOf(t => !typeof(MockClusterStreamTests).IsAssignableFrom(t));

        Assert.Equal([Batches, Reads, Failures, Ownership, Duplicates, Mapping, Load], tested);
    }

    [Fact]
    public void List_EveryPoint_HasTestsOnTheInProcessBroker() =>
        Assert.Equal([Batches, Reads, Failures, Ownership, Duplicates, Mapping, Load], PointsOf(t => t == typeof(MockClusterStreamTests)));

    private static IEnumerable<string> PointsOf(Func<Type, bool> isWanted) => typeof(Conformance).Assembly.GetTypes()
        .Where(type => !type.IsAbstract && isWanted(type))
        .SelectMany(type => type.GetMethods())
        .SelectMany(method => method.GetCustomAttributes<TraitAttribute>())
        .Where(trait => trait.Name == List)
        .Select(trait => trait.Value)
        .Distinct()
        .Order(StringComparer.Ordinal);
}
