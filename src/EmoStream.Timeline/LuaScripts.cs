namespace EmoStream.Timeline;

/// <summary>
/// The embedded Lua scripts. Those that only read are sent by StackExchange.Redis as EVALSHA, which loads them where a server
/// does not know them yet; those that write go through <see cref="Incarnation.RedisIncarnation"/>. Each call is one round trip.
/// </summary>
internal static class LuaScripts
{
    public static readonly string Open = Load("open.lua");
    public static readonly string Commit = Load("commit.lua");
    public static readonly string Feed = Load("feed.lua");
    public static readonly string Claim = Load("claim.lua");
    public static readonly string Advance = Load("advance.lua");
    public static readonly string Interleave = Load("interleave.lua");

    private static string Load(string name)
    {
        using var stream = typeof(LuaScripts).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The script {name} is not embedded in the assembly.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
