using System.CommandLine;

namespace EmoStream.Cli.Up;

/// <summary>The option <c>--port</c> of the gateway.</summary>
internal static class PortOption
{
    public const int Default = 8080;

    public static Option<int> Create()
        => new Option<int>("--port") { Description = "Port of the page and the API on 127.0.0.1; 0 takes a free one", HelpName = "PORT", DefaultValueFactory = _ => Default }
            .Require(port => port is >= 0 and <= 65_535, "--port must be a number between 0 and 65535.");
}
