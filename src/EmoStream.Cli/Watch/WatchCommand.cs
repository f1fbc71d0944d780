using System.CommandLine;
using EmoStream.Client.Read;
using Microsoft.Extensions.Options;
using Spectre.Console;

namespace EmoStream.Cli.Watch;

/// <summary><c>emostream watch</c>: a conversation's timeline in the terminal, live, by way of the gateway.</summary>
internal static class WatchCommand
{
    public const string GatewayVariable = "EMOSTREAM_GATEWAY";
    public const string TokenVariable = "EMOSTREAM_TOKEN";

    public static Command Create(Terminal terminal)
    {
        var conversation = new Argument<string>("CONVERSATION") { Description = "Conversation id" };
        var gateway = new Option<string>("--gateway") { Description = "Address of the gateway", HelpName = "URL" };
        gateway.DefaultValueFactory = _ => Environment.GetEnvironmentVariable(GatewayVariable) ?? "http://localhost:8080";
        gateway.Require(IsAddress, "--gateway must be an address such as http://localhost:8080.");
        var after = new Option<long>("--after") { Description = "Show only changes after this change number", HelpName = "N" };
        after.Require(change => change >= 0, "--after must be a change number, 0 or above.");
        var command = new Command("watch", "Watch a conversation's timeline live.") { conversation, gateway, after };
        command.UseHelp($"""
            Examples:
              emostream watch weekly-planning
              emostream watch weekly-planning --gateway https://emotions.example.com --after 120
              emostream watch weekly-planning > changes.txt         one line per change

            Environment:
              {GatewayVariable}                 address where --gateway is not given
              {TokenVariable}                   bearer token to send

            Ctrl+C ends it. When the gateway goes away, it is followed again from the last change seen.
            """);
        command.Run(terminal, async (parsed, cancellationToken) =>
        {
            var address = new Uri(parsed.GetRequiredValue(gateway));
            var id = parsed.GetRequiredValue(conversation);
            using var http = new HttpClient { Timeout = Timeout.InfiniteTimeSpan };
            var client = new TimelineClient(http, Options.Create(new TimelineClientOptions { BaseAddress = address, TokenProvider = Token }));
            try
            {
                await FollowAsync(terminal, client, id, parsed.GetValue(after), cancellationToken);
                return ExitCode.Ok;
            }
            catch (Exception e) when (e is TimelineRequestException or HttpRequestException)
            {
                terminal.Fail(e.Message, $"Is the gateway at {address}? A token goes into {TokenVariable}.");
                return ExitCode.Failure;
            }
        });
        return command;
    }

    private static async Task FollowAsync(Terminal terminal, TimelineClient client, string id, long after, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                // A display of its own each time: after a rewind the change numbers begin again.
                await new TimelineDisplay(terminal, () => id).RunAsync(client.FollowAsync(id, after, cancellationToken), static _ => false);
                return;
            }
            catch (ConversationRewoundException)
            {
                terminal.Err.WriteLine("The conversation was rewound, or its last change is before --after: starting from its beginning.");
                after = 0;
            }
        }
    }

    private static ValueTask<string?> Token(CancellationToken cancellationToken) => new(Environment.GetEnvironmentVariable(TokenVariable));

    private static bool IsAddress(string? value)
        => Uri.TryCreate(value, UriKind.Absolute, out var address) && address.Scheme is "http" or "https";
}
