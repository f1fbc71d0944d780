using System.CommandLine;
using EmoStream.Client.Read;
using Microsoft.Extensions.Options;

namespace EmoStream.Cli;

/// <summary>The option <c>--gateway</c> and what lies behind it, alike for every command that reads timelines.</summary>
internal static class GatewayConnection
{
    public const string AddressVariable = "EMOSTREAM_GATEWAY";
    public const string TokenVariable = "EMOSTREAM_TOKEN";

    /// <summary>For the help of commands with this option.</summary>
    public const string Environment = $"""
          {AddressVariable}                 address where --gateway is not given
          {TokenVariable}                   bearer token to send
        """;

    public static Option<string> Option()
    {
        var option = new Option<string>("--gateway") { Description = "Address of the gateway", HelpName = "URL" };
        option.DefaultValueFactory = _ => System.Environment.GetEnvironmentVariable(AddressVariable) ?? "http://localhost:8080";
        return option.Require(IsAddress, "--gateway must be an address such as http://localhost:8080.");
    }

    /// <summary>A client of the gateway at an address that the option let through.</summary>
    public static TimelineClient Open(HttpClient http, string address)
        => new(http, Options.Create(new TimelineClientOptions { BaseAddress = new Uri(address), TokenProvider = Token }));

    /// <summary>Whether talking to the gateway failed in a way that its user can do something about.</summary>
    public static bool IsFailure(Exception e) => e is TimelineRequestException or HttpRequestException or TaskCanceledException { InnerException: TimeoutException };

    /// <summary>What to do about it.</summary>
    public static string Remedy(string address) => $"Is the gateway at {address}? A token goes into {TokenVariable}.";

    private static ValueTask<string?> Token(CancellationToken cancellationToken) => new(System.Environment.GetEnvironmentVariable(TokenVariable));

    private static bool IsAddress(string? value)
        => Uri.TryCreate(value, UriKind.Absolute, out var address) && address.Scheme is "http" or "https";
}
