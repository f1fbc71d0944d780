using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace EmoStream.Cli.Up;

/// <summary>Free ports for servers that cannot take port 0 themselves.</summary>
internal static class LoopbackPort
{
    private const int Attempts = 5;

    /// <summary>Starts a server on a free port; on another one where somebody took it between the look and the bind.</summary>
    public static async Task<T> UseAsync<T>(Func<int, Task<T>> start)
    {
        for (var attempt = 1; ; attempt++)
        {
            var port = Find();
            try
            {
                return await start(port);
            }
            catch (Exception e) when (attempt < Attempts && IsTaken(e) && !IsFree(port))
            {
                // Another one, then.
            }
        }
    }

    /// <summary>Whether nobody listens there.</summary>
    public static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int Find()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static bool IsTaken(Exception? e) => e switch
    {
        null => false,
        SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse } or AddressInUseException => true,
        AggregateException several => several.InnerExceptions.Any(IsTaken),
        _ => IsTaken(e.InnerException),
    };
}
