using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace EmoStream.Testing.Redis;

/// <summary>
/// A real redis-server (or valkey-server) process on a free port and in its own directory. It can be killed with -9 and
/// restarted on the same data.
/// </summary>
public sealed class RedisServer : IAsyncDisposable
{
    private readonly string _executable;
    private readonly string _directory;
    private readonly int _port;
    private readonly string[] _settings;
    private Process? _process;

    private RedisServer(string executable, string directory, int port, string[] settings)
    {
        _executable = executable;
        _directory = directory;
        _port = port;
        _settings = settings;
    }

    /// <summary>Path of redis-server; null when it is not on PATH.</summary>
    public static string? Executable { get; } = Find("redis-server");

    /// <summary>Path of valkey-server; null when it is not on PATH.</summary>
    public static string? ValkeyExecutable { get; } = Find("valkey-server");

    /// <summary>Host and port, as StackExchange.Redis takes it.</summary>
    public string ConnectionString => $"127.0.0.1:{_port}";

    /// <summary>The port it listens on, the same after a restart.</summary>
    public int Port => _port;

    /// <summary>
    /// Starts a server. <paramref name="appendFsync"/> is <c>always</c> (an acknowledged write survives kill -9 of the
    /// machine too) or <c>everysec</c>; <paramref name="settings"/> are further redis.conf pairs as command-line options.
    /// </summary>
    public static async Task<RedisServer> StartAsync(string appendFsync = "everysec", string? executable = null, params string[] settings)
    {
        executable ??= Executable ?? throw new InvalidOperationException("redis-server is not on PATH.");
        var directory = Directory.CreateTempSubdirectory("emostream-redis-").FullName;
        for (var attempt = 1; ; attempt++)
        {
            var server = new RedisServer(executable, directory, FreePort(), ["--appendfsync", appendFsync, .. settings]);
            try
            {
                await server.RestartAsync();
                return server;
            }
            catch (InvalidOperationException) when (attempt < 3)
            {
                // Somebody else took the port between choosing and binding it.
            }
        }
    }

    /// <summary>Starts the process again on the same directory and port; returns when it serves.</summary>
    public async Task RestartAsync()
    {
        var start = new ProcessStartInfo(_executable) { RedirectStandardOutput = true, RedirectStandardError = true };
        string[] arguments =
        [
            "--port", _port.ToString(System.Globalization.CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--dir", _directory,
            "--appendonly", "yes", "--save", "", "--loglevel", "notice", .. _settings,
        ];
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var output = new List<string>();
        void OnLine(object _, DataReceivedEventArgs line)
        {
            if (line.Data is null)
            {
                return;
            }

            lock (output)
            {
                output.Add(line.Data);
            }

            if (line.Data.Contains("Ready to accept connections", StringComparison.Ordinal))
            {
                ready.TrySetResult();
            }
        }

        var process = new Process { StartInfo = start, EnableRaisingEvents = true };
        process.OutputDataReceived += OnLine;
        process.ErrorDataReceived += OnLine;
        process.Exited += (_, _) =>
        {
            lock (output)
            {
                ready.TrySetException(new InvalidOperationException($"{_executable} ended at start: {string.Join('\n', output.TakeLast(5))}"));
            }
        };
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _process = process;
        await ready.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    /// <summary>kill -9; returns when the process is gone.</summary>
    public async Task KillAsync()
    {
        if (_process is { } process)
        {
            _process = null;
            if (!process.HasExited)
            {
                process.Kill();
            }

            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    /// <summary>Stops the process for good and removes its data.</summary>
    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>A port that was free a moment ago.</summary>
    internal static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static string? Find(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Select(directory => Path.Combine(directory, name))
        .FirstOrDefault(File.Exists);
}
