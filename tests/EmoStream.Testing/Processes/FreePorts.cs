using System.Net;
using System.Net.Sockets;

namespace EmoStream.Testing.Processes;

/// <summary>
/// Ports for servers that must be able to come back on the same port. They lie below the range from which the system
/// takes ports of outgoing connections: there, while a killed server is down, a client's own connection could take
/// its port or even connect to itself.
/// </summary>
public static class FreePorts
{
    private const int First = 15000;
    private const int End = 32000;
    private static readonly HashSet<int> Taken = [];

    /// <summary>One free port.</summary>
    public static int Take() => Take(1);

    /// <summary>The first of <paramref name="count"/> free ports in a row; none is handed out twice by this process.</summary>
    public static int Take(int count)
    {
        lock (Taken)
        {
            for (var attempt = 0; attempt < 1000; attempt++)
            {
                var first = Random.Shared.Next(First, End - count);
                var ports = Enumerable.Range(first, count).ToArray();
                if (!ports.Any(Taken.Contains) && ports.All(IsFree))
                {
                    Taken.UnionWith(ports);
                    return first;
                }
            }
        }

        throw new InvalidOperationException($"No {count} free ports in a row between {First} and {End}.");
    }

    private static bool IsFree(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Any, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
