using EmoStream.Contracts;
using EmoStream.Testing.Processes;

namespace EmoStream.Testing.Cluster;

/// <summary>
/// Silos and gateways that belong together: each a real process, configured by nothing but the environment names that
/// an operator uses. Dispose ends those that still run and removes their logs.
/// </summary>
/// <param name="kafka">Bootstrap servers.</param>
/// <param name="redis">Redis connection string.</param>
public sealed class EmoStreamCluster(string kafka, string redis) : IAsyncDisposable
{
    private readonly string _logs = Directory.CreateTempSubdirectory("emostream-cluster-").FullName;
    private readonly List<ServiceProcess> _processes = [];

    /// <summary>Why no cluster can be started here, for <c>Assert.SkipUnless</c>; null where one can.</summary>
    public static string? Unavailable => ChildProcess.Unavailable;

    /// <summary>The Orleans cluster id.</summary>
    public string Id { get; } = Guid.NewGuid().ToString("N");

    /// <summary>Topic of utterance events.</summary>
    public string UtterancesTopic { get; init; } = Names.UtterancesTopic;

    /// <summary>Topic of what could not be accepted.</summary>
    public string DeadLetterTopic { get; init; } = Names.DeadLetterTopic;

    /// <summary>Model bundle directory.</summary>
    public string Bundle { get; init; } = Checkout.At("infra", "models", "meld");

    /// <summary>Policy file.</summary>
    public string Policy { get; init; } = Checkout.At("infra", "policies", "text-only.json");

    /// <summary>The silo's assembly and what it is called with; the default is the product's own.</summary>
    public string[] SiloCommand { get; init; } = Program("EmoStream.Silo");

    /// <summary>Further environment of every process.</summary>
    public Dictionary<string, string?> Environment { get; } = [];

    /// <summary>Starts another silo and waits until it is healthy.</summary>
    public Task<ServiceProcess> StartSiloAsync() => StartAsync(
        SiloCommand,
        new()
        {
            ["Orleans__ClusterId"] = Id,
            ["Orleans__ServiceId"] = "emostream",
            ["Orleans__Clustering__ProviderType"] = "Redis",
            ["Orleans__Clustering__ServiceKey"] = Names.Redis,
            ["Orleans__Endpoints__AdvertisedIPAddress"] = "127.0.0.1",
            ["Orleans__Endpoints__SiloPort"] = $"{FreePorts.Take()}",
            ["Orleans__Endpoints__GatewayPort"] = $"{FreePorts.Take()}",
            ["EmoStream__Bundle"] = Bundle,
            ["EmoStream__Policy"] = Policy,
        });

    /// <summary>Starts another gateway, open to this machine, and waits until it is healthy.</summary>
    public Task<ServiceProcess> StartGatewayAsync() => StartAsync(
        Program("EmoStream.Gateway"), new() { ["EmoStream__Gateway__AllowAnonymous"] = "true" });

    /// <summary>Every line that any of them has logged so far.</summary>
    public IEnumerable<string> LogLines() => _processes.SelectMany(process => process.ReadLog().Split('\n'));

    /// <summary>The ends of all logs, for failure messages.</summary>
    public string Tail() => string.Join('\n', _processes.Select(process => process.Tail()));

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
        {
            await process.DisposeAsync();
        }

        Directory.Delete(_logs, recursive: true);
    }

    private static string[] Program(string project) => [Path.Combine(Checkout.Output(project), project + ".dll")];

    private async Task<ServiceProcess> StartAsync(string[] command, Dictionary<string, string?> environment)
    {
        environment["ConnectionStrings__kafka"] = kafka;
        environment["ConnectionStrings__redis"] = redis;
        environment["EmoStream__Topics__Utterances"] = UtterancesTopic;
        environment["EmoStream__Topics__DeadLetters"] = DeadLetterTopic;
        foreach (var (name, value) in Environment)
        {
            environment[name] = value;
        }

        var process = await ServiceProcess.StartAsync(command, environment, _logs);
        _processes.Add(process);
        return process;
    }
}
