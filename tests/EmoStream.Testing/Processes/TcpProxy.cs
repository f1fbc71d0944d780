using System.Net;
using System.Net.Sockets;

namespace EmoStream.Testing.Processes;

/// <summary>
/// The network between a client and a server of this machine, so that a test can disturb it: slow it down, stall it, cut
/// it, or lead it to another server, as a virtual address does after a fail-over. Bytes are never changed or reordered.
/// </summary>
public sealed class TcpProxy : IAsyncDisposable
{
    private const int ChunkBytes = 64 * 1024;

    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private readonly HashSet<Socket> _open = [];
    private readonly Task _accepting;
    private TaskCompletionSource _flows = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _refuses;
    private long _disturbed;

    private TcpProxy(TcpListener listener)
    {
        _listener = listener;
        _flows.SetResult();
        _accepting = AcceptAsync();
    }

    /// <summary>Where clients connect.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Host and port, as clients of Kafka and Redis take it.</summary>
    public string Address => $"127.0.0.1:{Port}";

    /// <summary>The server's port; connections that are open stay where they are.</summary>
    public int Target { get; set; }

    /// <summary>How long each piece of data is on its way, in each direction. The default is no time.</summary>
    public TimeSpan Latency { get; set; }

    /// <summary>How often it was in somebody's way: connections that were reset or refused, data that was held up.</summary>
    public long Disturbed => Interlocked.Read(ref _disturbed);

    /// <summary>Starts to listen.</summary>
    public static TcpProxy Start(int target = 0)
    {
        var listener = new TcpListener(IPAddress.Loopback, FreePorts.Take());
        listener.Start();
        return new TcpProxy(listener) { Target = target };
    }

    /// <summary>Resets every connection, and each new one until <see cref="Restore"/>.</summary>
    public void Cut()
    {
        _refuses = true;
        DropAll();
    }

    /// <summary>Nothing arrives any longer, nothing is reset: what a broken switch or a full firewall table looks like.</summary>
    public void Stall()
    {
        lock (_lock)
        {
            if (_flows.Task.IsCompleted) _flows = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>Ends <see cref="Cut"/> and <see cref="Stall"/>.</summary>
    public void Restore()
    {
        _refuses = false;
        lock (_lock)
        {
            _flows.TrySetResult();
        }
    }

    /// <summary>Resets every connection once.</summary>
    public void DropAll()
    {
        Socket[] open;
        lock (_lock)
        {
            open = [.. _open];
        }

        Interlocked.Add(ref _disturbed, open.Length);
        foreach (var socket in open)
        {
            Reset(socket);
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        Restore();
        DropAll();
        await _accepting;
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                _ = ServeAsync(await _listener.AcceptSocketAsync(_stop.Token));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                // Stopped, or the client was gone before it was accepted.
            }
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        lock (_lock)
        {
            _open.UnionWith([client, server]);
        }

        try
        {
            if (_refuses)
            {
                Interlocked.Increment(ref _disturbed);
            }
            else
            {
                await server.ConnectAsync(IPAddress.Loopback, Target, _stop.Token);
                await Task.WhenAny(PumpAsync(client, server), PumpAsync(server, client));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The server is down: so is the connection.
        }
        finally
        {
            Reset(client);
            Reset(server);
            lock (_lock)
            {
                _open.ExceptWith([client, server]);
            }
        }
    }

    private async Task PumpAsync(Socket from, Socket to)
    {
        var buffer = new byte[ChunkBytes];
        try
        {
            while (await from.ReceiveAsync(buffer, _stop.Token) is var count and > 0)
            {
                if (Latency > TimeSpan.Zero)
                {
                    Interlocked.Increment(ref _disturbed);
                    await Task.Delay(Latency, TimeProvider.System, _stop.Token);
                }

                await FlowsAsync();
                for (var sent = 0; sent < count;) sent += await to.SendAsync(buffer.AsMemory(sent, count - sent), _stop.Token);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Either end is gone; the other is reset with it.
        }
    }

    private Task FlowsAsync()
    {
        lock (_lock)
        {
            if (!_flows.Task.IsCompleted) Interlocked.Increment(ref _disturbed);
            return _flows.Task;
        }
    }

    private static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Never connected, or closed already.
        }

        socket.Dispose();
    }
}
