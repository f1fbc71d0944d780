using System.CommandLine;
using System.Globalization;
using EmoStream.Testing;
using EmoStream.Testing.Cluster;
using EmoStream.Testing.Processes;

namespace EmoStream.Benchmarks.Peers;

/// <summary>
/// The silo as a peer of <c>../shared/peers</c>: one silo, null score, everything else as it is in production. What a killed
/// one leaves behind lies in Kafka and Redis alone, so the next one needs no directory and may take other ports.
/// </summary>
internal static class PeerRole
{
    public const string Name = "peer";

    public static Command Create()
    {
        var kafka = new Argument<string>("bootstrap") { Description = "Kafka's bootstrap servers." };
        var redis = new Argument<string>("redis") { Description = "Redis as host:port." };
        var topic = new Argument<string>("topic") { Description = "Topic of utterances." };
        var directory = new Argument<string>("directory") { Description = "For state on disk; EmoStream has none.", DefaultValueFactory = _ => "" };
        var command = new Command(Name, "The silo under test; started by the peers' run.sh.") { kafka, redis, topic, directory };
        command.Hidden = true;
        command.SetAction((parsed, _) => TestSilo.RunAsync(nullScore: true, new()
        {
            ["urls"] = "http://127.0.0.1:0",
            ["ConnectionStrings:kafka"] = parsed.GetValue(kafka),
            ["ConnectionStrings:redis"] = parsed.GetValue(redis),
            ["EmoStream:Topics:Utterances"] = parsed.GetValue(topic),
            ["EmoStream:Policy"] = Checkout.At("infra", "policies", "text-only.json"),
            ["Orleans:Clustering:ProviderType"] = "Development",
            ["Orleans:Endpoints:SiloPort"] = Port(),
            ["Orleans:Endpoints:GatewayPort"] = Port(),
            ["Logging:LogLevel:Default"] = "Warning",
        }));
        return command;
    }

    private static string Port() => FreePorts.Take().ToString(CultureInfo.InvariantCulture);
}
