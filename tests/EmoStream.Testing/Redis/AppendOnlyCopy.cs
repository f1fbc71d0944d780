using StackExchange.Redis;

namespace EmoStream.Testing.Redis;

/// <summary>
/// Puts a redis-server's append-only files back to what they were: the loss of acknowledged writes, as a crash with
/// <c>appendfsync everysec</c> or a restored copy brings it about.
/// </summary>
public sealed class AppendOnlyCopy : IDisposable
{
    private const string Files = "appendonlydir";

    private readonly RedisServer _server;
    private readonly string _source;
    private readonly string _copy;

    private AppendOnlyCopy(RedisServer server, string source, string copy) => (_server, _source, _copy) = (server, source, copy);

    /// <summary>Copies the files of a running server: all it has acknowledged before, and perhaps the start of what comes now.</summary>
    public static async Task<AppendOnlyCopy> TakeAsync(RedisServer server)
    {
        await using var admin = await ConnectionMultiplexer.ConnectAsync(server.ConnectionString + ",allowAdmin=true");
        var directory = (await admin.GetServers()[0].ConfigGetAsync("dir"))[0].Value;
        var copy = new AppendOnlyCopy(server, Path.Combine(directory, Files), Directory.CreateTempSubdirectory("emostream-aof-").FullName);
        Copy(copy._source, copy._copy);
        return copy;
    }

    /// <summary>kill -9, the files as they were, start.</summary>
    public async Task RestoreAsync()
    {
        await _server.KillAsync();
        Directory.Delete(_source, recursive: true);
        Copy(_copy, _source);
        await _server.RestartAsync();
    }

    public void Dispose() => Directory.Delete(_copy, recursive: true);

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }
    }
}
