using Confluent.Kafka;
using Confluent.Kafka.Admin;
using EmoStream.Testing.Processes;

namespace EmoStream.Testing.Kafka;

/// <summary>A real Kafka broker of one test (or, through <see cref="KafkaFixture"/>, of many), killable where we started it.</summary>
public sealed class KafkaBroker : IAsyncDisposable
{
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(2);

    private readonly string? _directory;
    private readonly string? _extraProperties;
    private readonly string _heap;
    private int _port;
    private ChildProcess? _process;
    private IAdminClient? _admin;

    private KafkaBroker(string? directory, string? extraProperties, string heap)
    {
        _directory = directory;
        _extraProperties = extraProperties;
        _heap = heap;
    }

    /// <summary>Why there is no Kafka here, for <c>Assert.SkipUnless</c>; null where there is.</summary>
    public static string? Unavailable => KafkaDistribution.Found.Unavailable;

    /// <summary>Why the broker cannot be killed here, for <c>Assert.SkipUnless</c>; null where it can.</summary>
    public static string? Unkillable =>
        Unavailable ?? (KafkaDistribution.Found.Bootstrap is null ? null : "kills its broker, and KAFKA_BOOTSTRAP names somebody else's");

    /// <summary>The address for clients; the same after a restart.</summary>
    public string BootstrapServers => KafkaDistribution.Found.Bootstrap ?? $"127.0.0.1:{_port}";

    private IAdminClient Admin => _admin ??= new AdminClientBuilder(new AdminClientConfig
    {
        BootstrapServers = BootstrapServers,
        ReconnectBackoffMs = 50,
        ReconnectBackoffMaxMs = 200,
        AllowAutoCreateTopics = false,
    }).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();

    /// <summary>Starts a broker on a new directory (or connects to KAFKA_BOOTSTRAP's) and waits until it serves.</summary>
    /// <param name="extraProperties">Lines appended to the broker's properties; {port} and {controller} stand for the ports of its own listeners.</param>
    /// <param name="heap">The Java heap's most, as -Xmx takes it; a request is held there whole. Without effect on KAFKA_BOOTSTRAP's.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<KafkaBroker> StartAsync(
        string? extraProperties = null, string heap = "256m", CancellationToken cancellationToken = default)
    {
        if (KafkaDistribution.Found.Bootstrap is not null)
        {
            var external = new KafkaBroker(null, null, heap);
            await external.ReadyAsync(cancellationToken);
            return external;
        }

        var broker = new KafkaBroker(Directory.CreateTempSubdirectory("emostream-kafka-").FullName, extraProperties, heap);
        try
        {
            await broker.StartOnFreePortAsync(cancellationToken);
            return broker;
        }
        catch
        {
            await broker.DisposeAsync();
            throw;
        }
    }

    /// <summary>kill -9.</summary>
    public Task KillAsync() => Started.KillAsync();

    /// <summary>SIGSTOP: connections stay open, nothing answers.</summary>
    public void Freeze() => Started.Freeze();

    /// <summary>Ends <see cref="Freeze"/>.</summary>
    public void Thaw() => Started.Thaw();

    /// <summary>Starts it again on the same directory and port and waits until it serves.</summary>
    public async Task RestartAsync(CancellationToken cancellationToken = default)
    {
        await Started.DisposeAsync();
        _process = await KafkaDistribution.Found.StartAsync(_directory!, _port, _heap, ExtraProperties);
        await ReadyAsync(cancellationToken);
    }

    /// <summary>Creates a topic and waits until every partition has its leader.</summary>
    /// <param name="name">The topic.</param>
    /// <param name="partitions">Number of partitions.</param>
    /// <param name="configuration">
    /// Topic settings such as <c>max.message.bytes</c>. Records are kept for good unless it says otherwise: a test that
    /// writes timestamps of its own would lose them to the broker's seven days at the next look, minutes or moments later.
    /// </param>
    public async Task CreateTopicAsync(string name, int partitions, Dictionary<string, string>? configuration = null)
    {
        configuration = new(configuration ?? []);
        configuration.TryAdd("retention.ms", "-1");
        var topic = new TopicSpecification { Name = name, NumPartitions = partitions, ReplicationFactor = 1, Configs = configuration };
        await Admin.CreateTopicsAsync([topic]);
        await Eventually.TrueAsync(
            () => Admin.GetMetadata(name, RequestTimeout).Topics is [{ Error.IsError: false } created]
                && created.Partitions.Count == partitions && created.Partitions.All(partition => partition.Leader >= 0),
            () => $"leaders of {partitions} new partitions\n{_process?.Tail()}");
    }

    /// <summary>Deletes a topic; one of the same name that is created later has another id and starts at offset 0.</summary>
    public async Task DeleteTopicAsync(string name)
    {
        await Admin.DeleteTopicsAsync([name]);
        await Eventually.TrueAsync(
            () => Admin.GetMetadata(RequestTimeout).Topics.TrueForAll(topic => topic.Topic != name),
            () => "the topic is gone");
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        _admin?.Dispose();
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        if (_directory is not null)
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private string? ExtraProperties => _extraProperties?
        .Replace("{port}", $"{_port}", StringComparison.Ordinal).Replace("{controller}", $"{_port + 1}", StringComparison.Ordinal);

    private ChildProcess Started => _process ?? throw new InvalidOperationException(Unkillable);

    private async Task StartOnFreePortAsync(CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            _port = FreePorts.Take(2);
            _process = await KafkaDistribution.Found.StartAsync(_directory!, _port, _heap, ExtraProperties);
            try
            {
                await ReadyAsync(cancellationToken);
                return;
            }
            catch (BrokerExitedException) when (attempt < 3 && _process.Tail().Contains("Address already in use", StringComparison.Ordinal))
            {
                // Another process took the port between our look and the broker's bind.
                await _process.DisposeAsync();
                _admin?.Dispose();
                _admin = null;
            }
        }
    }

    /// <summary>A broker answers metadata requests only once it is registered and unfenced.</summary>
    private Task ReadyAsync(CancellationToken cancellationToken) =>
        Eventually.TrueAsync(
            _ => Task.Run(IsReady, cancellationToken),
            () => $"a Kafka broker that answers\n{_process?.Tail()}");

    private bool IsReady()
    {
        if (_process is { HasExited: true })
        {
            throw new BrokerExitedException($"Kafka ended at start:\n{_process.Tail()}");
        }

        try
        {
            return Admin.GetMetadata(RequestTimeout).Brokers.Count > 0;
        }
        catch (KafkaException)
        {
            return false;
        }
    }

    private sealed class BrokerExitedException(string message) : Exception(message);
}
