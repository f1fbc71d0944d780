using System.CommandLine;
using System.Net;
using EmoStream.Client.Read;
using Spectre.Console;

namespace EmoStream.Cli.Watch;

/// <summary><c>emostream watch</c>: a conversation's timeline in the terminal, live, by way of the gateway.</summary>
internal static class WatchCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public static Command Create(Terminal terminal)
    {
        var conversation = new Argument<string>("CONVERSATION") { Description = "Conversation id" };
        var gateway = GatewayConnection.Option();
        var after = new Option<long>("--after") { Description = "Show only changes after this change number", HelpName = "N" };
        after.Require(change => change >= 0, "--after must be a change number, 0 or above.");
        var command = new Command("watch", "Watch a conversation's timeline live.") { conversation, gateway, after };
        command.UseHelp($"""
            Examples:
              emostream watch weekly-planning
              emostream watch weekly-planning --gateway https://emotions.example.com --after 120
              emostream watch weekly-planning > changes.txt         one line per change

            Environment:
            {GatewayConnection.Environment}

            {FusedWeights.Help}
            Ctrl+C ends it. When the gateway goes away, it is followed again from the last change seen.
            """);
        command.Run(terminal, async (parsed, cancellationToken) =>
        {
            var address = parsed.GetRequiredValue(gateway);
            var id = parsed.GetRequiredValue(conversation);
            using var http = new HttpClient { Timeout = Timeout.InfiniteTimeSpan };
            try
            {
                var client = GatewayConnection.Open(http, address);
                await SayWhatIsMissingAsync(terminal, client, address, id, cancellationToken);
                await FollowAsync(terminal, client, id, parsed.GetValue(after), cancellationToken);
                return ExitCode.Ok;
            }
            catch (Exception e) when (GatewayConnection.IsFailure(e))
            {
                terminal.Fail(e.Message, GatewayConnection.Remedy(address));
                return ExitCode.Failure;
            }
        });
        return command;
    }

    /// <summary>Following waits for a gateway and for a conversation, and says nothing meanwhile.</summary>
    private static async Task SayWhatIsMissingAsync(Terminal terminal, TimelineClient client, string address, string id, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            if (await client.GetTimelineAsync(id, patience.Token) is null)
            {
                terminal.Err.MarkupLineInterpolated($"The gateway knows no conversation {id} yet; waiting for it.");
            }
        }
        catch (TimelineRequestException e) when (e.StatusCode < HttpStatusCode.InternalServerError)
        {
            // Refused, and following is, too.
        }
        catch (Exception e) when (e is HttpRequestException or IOException or TimelineRequestException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            terminal.Err.MarkupLineInterpolated($"No gateway answers at {address}; trying again until one does.");
        }
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
}
