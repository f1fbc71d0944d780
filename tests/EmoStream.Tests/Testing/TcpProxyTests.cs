using System.Net;
using System.Net.Sockets;
using EmoStream.Testing.Processes;

namespace EmoStream.Tests.Testing;

/// <summary>A network that does not break when it is told to would make every fault of it pass.</summary>
public sealed class TcpProxyTests
{
    [Fact]
    public async Task Target_Changed_OldConnectionsStayNewOnesGoThere()
    {
        using var first = new Server("1");
        using var second = new Server("2");
        await using var proxy = TcpProxy.Start(first.Port);
        using var before = await ConnectAsync(proxy);
        Assert.Equal("1", await AskAsync(before));

        proxy.Target = second.Port;

        Assert.Equal("1", await AskAsync(before));
        using var after = await ConnectAsync(proxy);
        Assert.Equal("2", await AskAsync(after));
    }

    [Fact]
    public async Task Cut_ThenRestored_ConnectionsResetAndRefusedInBetween()
    {
        using var server = new Server("1");
        await using var proxy = TcpProxy.Start(server.Port);
        using var open = await ConnectAsync(proxy);
        Assert.Equal("1", await AskAsync(open));

        proxy.Cut();

        Assert.Null(await AskAsync(open));
        await Assert.ThrowsAnyAsync<SocketException>(async () =>
        {
            using var refused = await ConnectAsync(proxy); // the reset may come as early as here
            if (await AskAsync(refused) is null) throw new SocketException((int)SocketError.ConnectionReset);
        });
        proxy.Restore();
        using var again = await ConnectAsync(proxy);
        Assert.Equal("1", await AskAsync(again));
    }

    [Fact]
    public async Task Stall_ThenRestored_NothingPassesUntilThenAndNothingIsLost()
    {
        using var server = new Server("1");
        await using var proxy = TcpProxy.Start(server.Port);
        using var open = await ConnectAsync(proxy);

        proxy.Stall();
        var answer = AskAsync(open);
        using var direct = new TcpClient();
        await direct.ConnectAsync(IPAddress.Loopback, server.Port, TestContext.Current.CancellationToken);
        Assert.Equal("1", await AskAsync(direct.Client)); // what is not stalled has long had its answer
        Assert.False(answer.IsCompleted);
        proxy.Restore();

        Assert.Equal("1", await answer);
    }

    [Fact]
    public async Task Target_Down_ConnectionReset()
    {
        await using var proxy = TcpProxy.Start(FreePorts.Take());

        // The reset may come before the client knows that it is connected, or after.
        var error = await Record.ExceptionAsync(async () =>
        {
            using var open = await ConnectAsync(proxy);
            Assert.Null(await AskAsync(open));
        });
        Assert.True(error is null or SocketException { SocketErrorCode: SocketError.ConnectionReset }, $"{error}");
    }

    private static async Task<Socket> ConnectAsync(TcpProxy proxy)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, proxy.Port, TestContext.Current.CancellationToken);
        return socket;
    }

    /// <returns>The server's answer; null when the connection was reset.</returns>
    private static async Task<string?> AskAsync(Socket socket)
    {
        try
        {
            await socket.SendAsync("?"u8.ToArray(), TestContext.Current.CancellationToken);
            var buffer = new byte[1];
            return await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken) == 0 ? null : $"{(char)buffer[0]}";
        }
        catch (SocketException)
        {
            return null;
        }
    }

    /// <summary>Answers every byte with its name.</summary>
    private sealed class Server : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

        public Server(string name)
        {
            _listener.Start();
            _ = Task.Run(async () =>
            {
                while (true)
                {
                    var client = await _listener.AcceptSocketAsync();
                    _ = Task.Run(async () =>
                    {
                        var buffer = new byte[1];
                        while (await client.ReceiveAsync(buffer) > 0) await client.SendAsync(System.Text.Encoding.ASCII.GetBytes(name));
                    });
                }
            });
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public void Dispose() => _listener.Dispose();
    }
}
