using System.Collections.Concurrent;
using EmoStream.Tests.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace EmoStream.Tests.Cli.Watch;

public sealed class WatchCommandTests
{
    [Fact]
    public async Task Watch_AfterBeyondTheLastChange_SaysSoAndStartsFromTheBeginning()
    {
        var asked = new ConcurrentQueue<string>();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        await using var gateway = builder.Build();
        gateway.Urls.Add("http://127.0.0.1:0");
        gateway.MapGet("/v1/conversations/c/follow", async context =>
        {
            asked.Enqueue(context.Request.Headers["Last-Event-ID"].ToString());
            if (asked.Count > 2)
            {
                // Ends the command: a refusal for good.
                context.Response.StatusCode = StatusCodes.Status403Forbidden;
                return;
            }

            context.Response.ContentType = "text/event-stream";
            await context.Response.WriteAsync(asked.Count == 1 ? "event: rewound\ndata: {}\n\n" : ScriptedGateway.Entry(1));
        });
        await gateway.StartAsync(TestContext.Current.CancellationToken);

        var (exitCode, output, error) = await CliRun.RunAsync("watch", "c", "--after", "99", "--gateway", gateway.Urls.Single());

        Assert.Equal(1, exitCode);
        Assert.Equal("99", asked.First());
        Assert.DoesNotContain("99", asked.Skip(1));
        Assert.Single(output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("starting from its beginning", error);
        Assert.DoesNotContain("unexpected", error);
    }
}
