using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Garnet;

namespace EmoStream.IntegrationTests.Timeline;

/// <summary>A Garnet whose Lua settings are not those that timelines need; the fit one is the embedded server of <c>emostream up</c>.</summary>
internal sealed class UnfitGarnet : IDisposable
{
    private readonly GarnetServer _server;

    public UnfitGarnet(params string[] luaSettings)
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        var port = ((IPEndPoint)probe.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
        probe.Stop();
        _server = new GarnetServer(["--bind", "127.0.0.1", "--port", port, "--memory", "64m", "--index", "1m", "-q", .. luaSettings]);
        _server.Start();
        ConnectionString = "127.0.0.1:" + port;
    }

    /// <summary>For StackExchange.Redis.</summary>
    public string ConnectionString { get; }

    public void Dispose() => _server.Dispose();
}
