namespace EmoStream.Timeline;

/// <summary>
/// The embedded Lua scripts. StackExchange.Redis sends them as EVALSHA and loads them where a server does not know them
/// yet, so each call is one round trip.
/// </summary>
internal static class LuaScripts
{
    public static readonly string Open = Load("open.lua");
    public static readonly string Commit = Load("commit.lua");
    public static readonly string Feed = Load("feed.lua");
    public static readonly string Interleave = Load("interleave.lua");

    private static string Load(string name)
    {
        using var stream = typeof(LuaScripts).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The script {name} is not embedded in the assembly.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
