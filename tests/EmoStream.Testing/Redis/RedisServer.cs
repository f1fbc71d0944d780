using System.Globalization;
using EmoStream.Testing.Processes;

namespace EmoStream.Testing.Redis;

/// <summary>
/// A real redis-server (or valkey-server) process on a free port and in its own directory. It can be killed with -9 and
/// restarted on the same data.
/// </summary>
public sealed class RedisServer : IAsyncDisposable
{
    private const int Attempts = 3;

    private readonly string _executable;
    private readonly string _directory;
    private readonly string[] _settings;
    private int _starts;
    private ChildProcess? _process;

    private RedisServer(string executable, string directory, int port, string[] settings)
    {
        _executable = executable;
        _directory = directory;
        _settings = settings;
        Port = port;
    }

    /// <summary>Path of redis-server; null when it is not on PATH.</summary>
    public static string? Executable { get; } = Programs.Find("redis-server");

    /// <summary>Path of valkey-server; null when it is not on PATH.</summary>
    public static string? ValkeyExecutable { get; } = Programs.Find("valkey-server");

    /// <summary>The port it listens on, the same after a restart.</summary>
    public int Port { get; }

    /// <summary>Host and port, as StackExchange.Redis takes it.</summary>
    public string ConnectionString => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port}");

    /// <summary>
    /// Starts a server. <paramref name="appendFsync"/> is <c>always</c> (an acknowledged write is on the disk) or
    /// <c>everysec</c>; <paramref name="settings"/> are further redis.conf pairs as command-line options.
    /// </summary>
    public static async Task<RedisServer> StartAsync(string appendFsync = "everysec", string? executable = null, params string[] settings)
    {
        executable ??= Executable ?? throw new InvalidOperationException("redis-server is not on PATH.");
        var directory = Directory.CreateTempSubdirectory("emostream-redis-").FullName;
        for (var attempt = 1; ; attempt++)
        {
            var server = new RedisServer(executable, directory, FreePorts.Take(), ["--appendfsync", appendFsync, .. settings]);
            try
            {
                await server.RestartAsync();
                return server;
            }
            catch (InvalidOperationException) when (attempt < Attempts)
            {
                // Somebody else took the port between choosing and binding it.
            }
        }
    }

    /// <summary>Starts the process again on the same directory and port; returns when it serves.</summary>
    public async Task RestartAsync()
    {
        var log = Path.Combine(_directory, string.Create(CultureInfo.InvariantCulture, $"{Port}-{++_starts}.log"));
        string[] arguments =
        [
            "--port", Port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--dir", _directory,
            "--appendonly", "yes", "--save", "", "--loglevel", "notice", .. _settings,
        ];
        var process = _process = await ChildProcess.StartAsync(_executable, arguments, log);
        await Eventually.TrueAsync(() => Serves(process), () => "the server is ready, but: " + process.Tail());
    }

    /// <summary>kill -9; returns when the process is gone.</summary>
    public async Task KillAsync()
    {
        if (_process is { } process)
        {
            _process = null;
            await process.DisposeAsync();
        }
    }

    /// <summary>Stops the process for good and removes its data.</summary>
    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private static bool Serves(ChildProcess process)
    {
        var tail = process.Tail();
        return tail.Contains("Ready to accept connections", StringComparison.Ordinal)
            || (process.HasExited ? throw new InvalidOperationException(tail) : false);
    }
}
