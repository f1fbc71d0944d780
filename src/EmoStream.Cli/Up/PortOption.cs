using System.CommandLine;

namespace EmoStream.Cli.Up;

/// <summary>The option <c>--port</c> of the gateway.</summary>
internal static class PortOption
{
    public const int Default = 8080;

    public static Option<int> Create()
    {
        var option = new Option<int>("--port") { Description = "Port of the page and the API on 127.0.0.1; 0 takes a free one", HelpName = "PORT", DefaultValueFactory = _ => Default };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 0 or > 65_535)
            {
                result.AddError("--port must be between 0 and 65535.");
            }
        });
        return option;
    }
}
