using System.Globalization;
using Garnet;

namespace EmoStream.Cli.Up;

/// <summary>
/// A server inside this process that speaks the Redis protocol on a loopback port: Garnet. It is what
/// <c>emostream up</c> starts when no <c>--redis</c> is given, and one of the servers that tests run against.
/// </summary>
/// <remarks>Its limits: nothing is written to disk, and it has no Streams commands.</remarks>
public sealed class EmbeddedRedis : IDisposable
{
    private readonly GarnetServer _server;

    private EmbeddedRedis(GarnetServer server, int port)
    {
        _server = server;
        Port = port;
    }

    /// <summary>The loopback port it listens on.</summary>
    public int Port { get; }

    /// <summary>For StackExchange.Redis.</summary>
    public string ConnectionString => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port}");

    /// <summary>Starts the server on a free loopback port.</summary>
    /// <param name="memory">Garnet's log memory, such as <c>256m</c>: what the data may take.</param>
    public static EmbeddedRedis Start(string memory = "256m") =>
        // Nothing in there waits: Garnet starts synchronously.
        LoopbackPort.UseAsync(port => Task.FromResult(new EmbeddedRedis(StartOn(port, memory), port))).GetAwaiter().GetResult();

    /// <summary>Stops the server and forgets everything.</summary>
    public void Dispose() => _server.Dispose(deleteDir: false);

    private static GarnetServer StartOn(int port, string memory)
    {
        // --lua: the commit of a timeline is a script, and so are Orleans' membership updates.
        // --lua-transaction-mode: nothing comes in between the commands of a script, as Redis has it.
        string[] arguments =
        [
            "--bind", "127.0.0.1", "--port", port.ToString(CultureInfo.InvariantCulture),
            "--memory", memory, "--index", "16m", "--lua", "--lua-transaction-mode", "-q",
        ];
        var server = new GarnetServer(arguments);
        try
        {
            server.Start();
            return server;
        }
        catch
        {
            server.Dispose(deleteDir: false);
            throw;
        }
    }
}
