using System.Net;
using System.Text.RegularExpressions;
using EmoStream.Testing;

namespace EmoStream.Tests.Gateway;

public sealed partial class PageFilesTests(GatewayFixture fixture) : IClassFixture<GatewayFixture>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Page_AllItRefersTo_IsServedWithTheRightType()
    {
        var waiting = new Queue<string>(["/"]);
        var seen = new Dictionary<string, string?>(StringComparer.Ordinal);
        while (waiting.TryDequeue(out var path))
        {
            using var response = await fixture.Gateway.Http.GetAsync(path, Cancelled);
            Assert.True(response.StatusCode == HttpStatusCode.OK, $"{path}: {response.StatusCode}");
            seen[path] = response.Content.Headers.ContentType?.MediaType;
            var text = await response.Content.ReadAsStringAsync(Cancelled);
            foreach (var reference in References().Matches(text).Select(match => match.Groups[1].Value))
            {
                var target = new Uri(new Uri(fixture.Gateway.Address, path), reference).AbsolutePath;
                if (!seen.ContainsKey(target) && !waiting.Contains(target))
                {
                    waiting.Enqueue(target);
                }
            }
        }

        Assert.Equal("text/html", seen["/"]);
        Assert.Equal("image/svg+xml", seen["/favicon.svg"]);
        Assert.All(seen.Where(file => file.Key.EndsWith(".js", StringComparison.Ordinal)), file => Assert.Equal("text/javascript", file.Value));
        var onDisk = Directory.EnumerateFiles(Checkout.At("src", "EmoStream.Gateway", "wwwroot"), "*", SearchOption.AllDirectories)
            .Select(file => "/" + Path.GetRelativePath(Checkout.At("src", "EmoStream.Gateway", "wwwroot"), file).Replace('\\', '/'))
            .Where(file => file != "/index.html");
        Assert.Equal(onDisk.Order(StringComparer.Ordinal), seen.Keys.Where(path => path != "/").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Page_Headers_ForbidForeignAndInlineCode()
    {
        using var response = await fixture.Gateway.Http.GetAsync("/", Cancelled);
        var policy = response.Headers.GetValues("Content-Security-Policy").Single();

        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal("no-referrer", response.Headers.GetValues("Referrer-Policy").Single());
        var html = await response.Content.ReadAsStringAsync(Cancelled);
        Assert.DoesNotMatch(Inline(), html);
        Assert.DoesNotContain("http", html.Replace("http-equiv", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Page_KnownVersion_IsAnsweredByNotModified()
    {
        using var first = await fixture.Gateway.Http.GetAsync("/js/main.js", Cancelled);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/js/main.js");
        request.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        using var second = await fixture.Gateway.Http.SendAsync(request, Cancelled);

        Assert.Equal(HttpStatusCode.NotModified, second.StatusCode);
    }

    [Fact]
    public async Task Timelines_AreNeverCached()
    {
        using var response = await fixture.Gateway.Http.GetAsync("/v1/conversations", Cancelled);

        Assert.True(response.Headers.CacheControl?.NoStore);
    }

    [GeneratedRegex("""(?:(?:src|href)=|from |import )"([^"#]+)";?""")]
    private static partial Regex References();

    [GeneratedRegex("""<style|<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=""")]
    private static partial Regex Inline();
}
