using System.Runtime.InteropServices;

namespace EmoStream.Cli.Up;

/// <summary>
/// A broker inside this process that speaks the real Kafka protocol on a loopback port: librdkafka's mock cluster.
/// It is what <c>emostream up</c> starts when no <c>--kafka</c> is given, and what tests use where no Kafka is installed.
/// </summary>
/// <remarks>
/// Its limits: nothing is durable; a partition keeps 5 MB or 100,000 batches and then forgets the oldest, so producers
/// must pace themselves; topics cannot be created or described through the admin protocol, only with
/// <see cref="CreateTopic"/> (or by the first use, with the cluster's default partition count); no transactions.
/// </remarks>
public sealed unsafe class EmbeddedKafka : IDisposable
{
    private const int ProducerType = 0;
    private const int ErrorSize = 512;

    private readonly nint _handle;
    private nint _cluster;

    private EmbeddedKafka(nint handle, nint cluster, string bootstrapServers)
    {
        _handle = handle;
        _cluster = cluster;
        BootstrapServers = bootstrapServers;
    }

    /// <summary>The <c>host:port</c> list to connect to.</summary>
    public string BootstrapServers { get; }

    /// <summary>Starts the broker on free loopback ports.</summary>
    /// <exception cref="InvalidOperationException">librdkafka could not start it; the message is librdkafka's.</exception>
    public static EmbeddedKafka Start(int brokers = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(brokers, 1);
        var configuration = MockClusterNative.NewConfiguration();
        // The client that carries the cluster never talks to anybody; its warnings would only land in the terminal.
        _ = MockClusterNative.SetConfiguration(configuration, "log_level", "0", 0, 0);
        var error = stackalloc byte[ErrorSize];
        var handle = MockClusterNative.NewHandle(ProducerType, configuration, error, ErrorSize);
        if (handle == 0)
        {
            throw new InvalidOperationException($"The embedded Kafka broker did not start: {Marshal.PtrToStringUTF8((nint)error)}");
        }

        var cluster = MockClusterNative.NewCluster(handle, brokers);
        if (cluster == 0)
        {
            MockClusterNative.DestroyHandle(handle);
            throw new InvalidOperationException("The embedded Kafka broker did not start: no loopback port could be opened.");
        }

        // Consumer groups would otherwise wait 3 s for more members before the first assignment.
        MockClusterNative.SetInitialRebalanceDelay(cluster, 0);
        return new EmbeddedKafka(handle, cluster, Marshal.PtrToStringUTF8(MockClusterNative.Bootstraps(cluster))!);
    }

    /// <summary>Creates a topic; the partition count cannot change later.</summary>
    /// <exception cref="InvalidOperationException">The topic exists already or its name is not allowed.</exception>
    public void CreateTopic(string topic, int partitions)
    {
        ArgumentException.ThrowIfNullOrEmpty(topic);
        ArgumentOutOfRangeException.ThrowIfLessThan(partitions, 1);
        ObjectDisposedException.ThrowIf(_cluster == 0, this);
        var error = MockClusterNative.CreateTopic(_cluster, topic, partitions, replicationFactor: 1);
        if (error != 0)
        {
            throw new InvalidOperationException($"The embedded Kafka broker refused topic '{topic}': {(Confluent.Kafka.ErrorCode)error}");
        }
    }

    /// <summary>Stops the broker and forgets everything.</summary>
    public void Dispose()
    {
        if (_cluster == 0)
        {
            return;
        }

        MockClusterNative.DestroyCluster(_cluster);
        _cluster = 0;
        MockClusterNative.DestroyHandle(_handle);
    }
}
