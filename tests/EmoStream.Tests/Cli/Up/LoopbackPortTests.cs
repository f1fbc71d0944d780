using System.Net;
using System.Net.Sockets;
using EmoStream.Cli.Up;

namespace EmoStream.Tests.Cli.Up;

public sealed class LoopbackPortTests
{
    [Fact]
    public async Task UseAsync_PortTakenInBetween_TriesAnother()
    {
        var ports = new List<int>();
        using var other = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

        using var listener = await LoopbackPort.UseAsync(port =>
        {
            ports.Add(port);
            if (ports.Count == 1)
            {
                other.Bind(new IPEndPoint(IPAddress.Loopback, port));
                other.Listen();
            }

            var mine = new TcpListener(IPAddress.Loopback, port);
            mine.Start();
            return Task.FromResult(mine);
        });

        Assert.Equal(2, ports.Distinct().Count());
        Assert.Equal(ports[1], ((IPEndPoint)listener.LocalEndpoint).Port);
    }

    [Fact]
    public async Task UseAsync_AnotherFailure_IsNotTriedAgain()
    {
        var starts = 0;

        await Assert.ThrowsAsync<SocketException>(() => LoopbackPort.UseAsync<int>(_ =>
        {
            starts++;
            throw new SocketException((int)SocketError.AddressAlreadyInUse);
        }));

        // The port it was given is free: it is another one that is taken.
        Assert.Equal(1, starts);
    }
}
