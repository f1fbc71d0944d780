using EmoStream.Testing.Processes;

namespace EmoStream.Testing.Kafka;

/// <summary>
/// Where a broker comes from: KAFKA_BOOTSTRAP (somebody else's, running), else KAFKA_HOME (an unpacked Apache Kafka,
/// or a directory with a <c>kafka</c> script), else <c>../shared/kafka</c> beside the checkout.
/// </summary>
internal sealed record KafkaDistribution(string? Bootstrap, string? Script, string? ApacheHome)
{
    public static KafkaDistribution Found { get; } = Find();

    public string? Unavailable { get; } =
        Bootstrap is not null ? null
        : Script is null && ApacheHome is null ? "needs Kafka: set KAFKA_BOOTSTRAP (address) or KAFKA_HOME (unpacked Apache Kafka 4)"
        : ChildProcess.Unavailable is { } reason ? reason
        : Environment.GetEnvironmentVariable("JAVA_HOME") is null && Programs.Find("java") is null ? "needs Java 17 or later for Kafka"
        : null;

    /// <summary>Formats the directory where that is still to be done and starts the broker.</summary>
    public async Task<ChildProcess> StartAsync(string directory, int port, string heap, string? extraProperties)
    {
        var log = Path.Combine(directory, "broker.log");
        if (Script is not null)
        {
            string[] arguments = ["start", "--dir", directory, "--port", $"{port}", "--heap", heap, "--partitions", "4"];
            if (extraProperties is not null)
            {
                var file = Path.Combine(directory, "extra.properties");
                await File.WriteAllTextAsync(file, extraProperties);
                arguments = [.. arguments, "--config", file];
            }

            return await ChildProcess.StartAsync(Script, arguments, log);
        }

        var properties = Path.Combine(directory, "server.properties");
        await File.WriteAllTextAsync(properties, Properties(directory, port) + extraProperties);
        if (!File.Exists(Path.Combine(directory, "log", "meta.properties")))
        {
            await using var format = await ChildProcess.StartAsync(
                Path.Combine(ApacheHome!, "bin", "kafka-storage.sh"), ["format", "-t", "AAAAAAAAQACAAAAAAAAAAQ", "-c", properties], log);
            if (await format.WaitForExitAsync() is not 0)
            {
                throw new InvalidOperationException($"kafka-storage.sh format failed:\n{format.Tail()}");
            }
        }

        var environment = new Dictionary<string, string?> { ["KAFKA_HEAP_OPTS"] = $"-Xmx{heap}", ["LOG_DIR"] = directory };
        return await ChildProcess.StartAsync(Path.Combine(ApacheHome!, "bin", "kafka-server-start.sh"), [properties], log, environment);
    }

    private static KafkaDistribution Find()
    {
        if (Environment.GetEnvironmentVariable("KAFKA_BOOTSTRAP") is { Length: > 0 } bootstrap)
        {
            return new(bootstrap, null, null);
        }

        var home = Environment.GetEnvironmentVariable("KAFKA_HOME") is { Length: > 0 } configured ? configured : Checkout.Shared("kafka");
        if (home is null)
        {
            return new(null, null, null);
        }

        var script = Path.Combine(home, "kafka");
        return File.Exists(Path.Combine(home, "bin", "kafka-server-start.sh")) ? new(null, null, home)
            : File.Exists(script) ? new(null, script, null)
            : new(null, null, null);
    }

    /// <summary>One KRaft node; a short session because a restarted broker serves again only when its old session is over.</summary>
    private static string Properties(string directory, int port) =>
        $"""
        process.roles=broker,controller
        node.id=1
        controller.quorum.voters=1@127.0.0.1:{port + 1}
        listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{port + 1}
        advertised.listeners=PLAINTEXT://127.0.0.1:{port}
        controller.listener.names=CONTROLLER
        listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
        log.dirs={directory}/log
        num.partitions=4
        offsets.topic.replication.factor=1
        offsets.topic.num.partitions=8
        transaction.state.log.replication.factor=1
        transaction.state.log.min.isr=1
        transaction.state.log.num.partitions=8
        share.coordinator.state.topic.replication.factor=1
        share.coordinator.state.topic.min.isr=1
        group.initial.rebalance.delay.ms=0
        broker.session.timeout.ms=3000
        broker.heartbeat.interval.ms=500

        """;
}
