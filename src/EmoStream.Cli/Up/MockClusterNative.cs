using System.Reflection;
using System.Runtime.InteropServices;

namespace EmoStream.Cli.Up;

/// <summary>
/// The functions of librdkafka's mock cluster (rdkafka_mock.h), which Confluent.Kafka ships but does not wrap.
/// The library is looked for as Confluent.Kafka does it, so that a process holds one copy.
/// </summary>
internal static partial class MockClusterNative
{
    private const string LibraryName = "emostream-librdkafka";

    // On Debian and Ubuntu without libsasl2.so.3 the plain build does not load; the centos8 build needs no SASL library.
    private static readonly string[] Candidates = ["librdkafka", "centos8-librdkafka", "alpine-librdkafka"];

    static MockClusterNative() => NativeLibrary.SetDllImportResolver(typeof(MockClusterNative).Assembly, Resolve);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_conf_new")]
    internal static partial nint NewConfiguration();

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_conf_set", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int SetConfiguration(nint configuration, string name, string value, nint error, nuint errorSize);

    /// <summary>Takes the configuration over when it succeeds.</summary>
    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_new")]
    internal static unsafe partial nint NewHandle(int type, nint configuration, byte* error, nuint errorSize);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_destroy")]
    internal static partial void DestroyHandle(nint handle);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_mock_cluster_new")]
    internal static partial nint NewCluster(nint handle, int brokers);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_mock_cluster_destroy")]
    internal static partial void DestroyCluster(nint cluster);

    /// <summary>A string that the cluster owns.</summary>
    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_mock_cluster_bootstraps")]
    internal static partial nint Bootstraps(nint cluster);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_mock_topic_create", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int CreateTopic(nint cluster, string topic, int partitions, int replicationFactor);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_mock_group_initial_rebalance_delay_ms")]
    internal static partial void SetInitialRebalanceDelay(nint cluster, int milliseconds);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (name != LibraryName)
        {
            return 0;
        }

        foreach (var candidate in Candidates)
        {
            if (NativeLibrary.TryLoad(candidate, typeof(Confluent.Kafka.Library).Assembly, null, out var handle)
                || TryLoadFromRuntimes(candidate, out handle))
            {
                return handle;
            }
        }

        throw new DllNotFoundException("librdkafka, which ships with Confluent.Kafka, does not load on this system.");
    }

    /// <summary>Layouts without deps.json probing (a plugin host, a copied folder) still have runtimes/RID/native beside the assembly.</summary>
    private static bool TryLoadFromRuntimes(string candidate, out nint handle)
    {
        var extension = OperatingSystem.IsWindows() ? ".dll" : OperatingSystem.IsMacOS() ? ".dylib" : ".so";
        var system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
        var architecture = RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
        var path = Path.Combine(AppContext.BaseDirectory, "runtimes", $"{system}-{architecture}", "native", candidate + extension);
        handle = 0;
        return File.Exists(path) && NativeLibrary.TryLoad(path, out handle);
    }
}
