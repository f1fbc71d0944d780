using System.Globalization;
using Garnet;

namespace EmoStream.Testing.Redis;

/// <summary>Garnet inside the test process, with the settings that <c>emostream up</c> uses: needs nothing installed.</summary>
public sealed class EmbeddedRedis : IDisposable
{
    private readonly GarnetServer _server;

    private EmbeddedRedis(GarnetServer server, int port)
    {
        _server = server;
        ConnectionString = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}");
    }

    /// <summary>Host and port, as StackExchange.Redis takes it.</summary>
    public string ConnectionString { get; }

    /// <summary>
    /// Starts a server on a free port. Without <c>--lua-transaction-mode</c> Garnet lets other connections' commands in
    /// between those of a script.
    /// </summary>
    public static EmbeddedRedis Start() => Start("--lua", "--lua-transaction-mode");

    /// <summary>Starts a server with other Lua settings, for tests of the start-up probe.</summary>
    public static EmbeddedRedis Start(params string[] luaSettings)
    {
        for (var attempt = 1; ; attempt++)
        {
            var port = RedisServer.FreePort();
            var server = new GarnetServer(
                ["--bind", "127.0.0.1", "--port", port.ToString(CultureInfo.InvariantCulture), "--memory", "256m", "--index", "16m", "-q", .. luaSettings]);
            try
            {
                server.Start();
                return new EmbeddedRedis(server, port);
            }
            catch (System.Net.Sockets.SocketException) when (attempt < 3)
            {
                server.Dispose();
            }
        }
    }

    public void Dispose() => _server.Dispose();
}
