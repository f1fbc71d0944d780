using System.Collections.Concurrent;
using System.Diagnostics;
using EmoStream.ServiceDefaults;
using EmoStream.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Trace;

namespace EmoStream.Tests.ServiceDefaults;

public sealed class TracePrivacyTests
{
    private const string Id = "conversation-of-ana-and-bob";

    [Fact]
    public async Task Export_RequestsAndGrains_NameNoConversation()
    {
        var exported = new Exporter();
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddServiceDefaults();
        builder.Services.ConfigureOpenTelemetryTracerProvider(tracing => tracing.AddProcessor(new SimpleActivityExportProcessor(exported)));
        await using var app = builder.Build();
        app.MapGet("/v1/conversations/{id}/timeline", (string id) => id.Length);
        await app.StartAsync(TestContext.Current.CancellationToken);
        using var http = app.Services.GetRequiredService<IHttpClientFactory>().CreateClient();
        using var orleans = new ActivitySource("Microsoft.Orleans.Application");

        using (var call = orleans.StartActivity("IConversationGrain/OnNextAsync"))
        {
            call?.SetTag("orleans.grain.id", $"conversation/{Id}");
        }

        var root = app.Urls.First();
        Assert.Equal($"{Id.Length}", await http.GetStringAsync(new Uri($"{root}/v1/conversations/{Id}/timeline"), TestContext.Current.CancellationToken));
        using var unknown = await http.GetAsync(new Uri($"{root}/v1/other/{Id}?of={Id}"), TestContext.Current.CancellationToken);

        bool Has(string kind, int count) => exported.Spans.Count(span => span.StartsWith(kind, StringComparison.Ordinal) && span.Contains(root[7..].Split(':')[1], StringComparison.Ordinal)) >= count;
        await Eventually.TrueAsync(() => Has("Client", 2) && Has("Server", 2), () => string.Join('\n', exported.Spans));
        Assert.DoesNotContain(exported.Spans, span => span.Contains(Id, StringComparison.Ordinal));
        Assert.Contains(exported.Spans, span => span.Contains("url.path=/v1/conversations/{id}/timeline", StringComparison.Ordinal));
        Assert.Contains(exported.Spans, span => span.Contains($"url.full={root}", StringComparison.Ordinal));
    }

    private sealed class Exporter : BaseExporter<Activity>
    {
        public ConcurrentQueue<string> Spans { get; } = [];

        public override ExportResult Export(in Batch<Activity> batch)
        {
            foreach (var span in batch)
            {
                Spans.Enqueue($"{span.Kind} {span.DisplayName} {string.Join(' ', span.TagObjects.Select(tag => $"{tag.Key}={tag.Value}"))}");
            }

            return ExportResult.Success;
        }
    }
}
