using System.Collections.Frozen;
using System.Security.Cryptography;
using Microsoft.AspNetCore.StaticFiles;
using Microsoft.Net.Http.Headers;

namespace EmoStream.Gateway.Page;

/// <summary>
/// Serves the live page out of the assembly. Own code instead of the static file middleware because embedded files have no
/// directories and no modification time to make an ETag from.
/// </summary>
internal static class PageExtensions
{
    private const string Prefix = "page/";

    public static WebApplication UsePage(this WebApplication app)
    {
        var files = Load();
        app.Use((context, next) =>
        {
            var method = context.Request.Method;
            return (HttpMethods.IsGet(method) || HttpMethods.IsHead(method)) && files.TryGetValue(context.Request.Path.Value ?? "", out var file)
                ? SendAsync(context, file)
                : next(context);
        });
        return app;
    }

    private static Task SendAsync(HttpContext context, PageFile file)
    {
        // Asked again each time, answered by 304: the page and its modules always belong together.
        context.Response.Headers.CacheControl = "no-cache";
        return Results.File(file.Bytes, file.ContentType, entityTag: file.Tag).ExecuteAsync(context);
    }

    private static FrozenDictionary<string, PageFile> Load()
    {
        var assembly = typeof(PageExtensions).Assembly;
        var types = new FileExtensionContentTypeProvider();
        var files = new Dictionary<string, PageFile>(StringComparer.Ordinal);
        foreach (var name in assembly.GetManifestResourceNames().Where(static name => name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(name)!;
            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            var type = types.TryGetContentType(name, out var known) ? known : "application/octet-stream";
            if (type.StartsWith("text/", StringComparison.Ordinal))
            {
                type += "; charset=utf-8";
            }

            files["/" + name[Prefix.Length..]] = new PageFile(bytes, type, new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]}\""));
        }

        files["/"] = files["/index.html"];
        return files.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private sealed record PageFile(byte[] Bytes, string ContentType, EntityTagHeaderValue Tag);
}
