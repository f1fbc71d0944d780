using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using EmoStream.Contracts;
using EmoStream.Streaming.Kafka;
using EmoStream.Testing;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Orleans.Configuration;

namespace EmoStream.Tests.Repository;

/// <summary>The configuration keys that a program reads: found in its sources, and in the options of the libraries it hosts.</summary>
internal static partial class ReadKeys
{
    private static readonly (string Section, Type Options)[] Libraries =
    [
        ("Orleans", typeof(ClusterOptions)),
        ("Orleans:Endpoints", typeof(EndpointOptions)),
        ($"Orleans:Streaming:{Names.StreamProvider}", typeof(KafkaStreamOptions)),
        ("Authentication:Schemes:Bearer", typeof(JwtBearerOptions)),
    ];

    private static readonly string[] Host =
    [
        "Orleans:Clustering:ProviderType", "Orleans:Clustering:ServiceKey", "ASPNETCORE_URLS", "ASPNETCORE_HTTP_PORTS",
        "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SERVICE_NAME",
    ];

    /// <summary>The keys that the program of this project of src/ reads.</summary>
    public static IReadOnlySet<string> Of(string project)
    {
        var keys = new HashSet<string>(Host);
        foreach (var (section, options) in Libraries)
        {
            keys.UnionWith(options.GetProperties().Where(property => property.CanWrite).Select(property => $"{section}:{property.Name}"));
        }

        foreach (var file in Closure(project).SelectMany(Sources))
        {
            Read(File.ReadAllText(file), keys);
        }

        return keys;
    }

    private static void Read(string source, HashSet<string> keys)
    {
        keys.UnionWith(Literal().Matches(source).Select(match => match.Groups[1].Value));
        foreach (var name in ConnectionString().Matches(source).Select(match => match.Groups[1].Value))
        {
            keys.Add($"ConnectionStrings:{typeof(Names).GetField(name, BindingFlags.Public | BindingFlags.Static)!.GetRawConstantValue()}");
        }

        if (Section().Match(source) is { Success: true } section)
        {
            keys.UnionWith(Setting().Matches(source).Select(match => $"{section.Groups[1].Value}:{match.Groups[1].Value}"));
        }
    }

    /// <summary>The project and all that it references.</summary>
    private static IEnumerable<string> Closure(string project) =>
        XDocument.Load(Checkout.At("src", project, project + ".csproj")).Descendants("ProjectReference")
            .Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value.Replace('\\', '/')))
            .SelectMany(Closure)
            .Append(project)
            .Distinct();

    private static IEnumerable<string> Sources(string project) =>
        Directory.EnumerateFiles(Checkout.At("src", project), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal));

    // configuration["EmoStream:Topics:Utterances"]
    [GeneratedRegex("\"(EmoStream:[A-Za-z:]+)\"")]
    private static partial Regex Literal();

    // configuration.GetConnectionString(Names.Kafka)
    [GeneratedRegex(@"GetConnectionString\(Names\.(\w+)\)")]
    private static partial Regex ConnectionString();

    // public const string Section = "EmoStream:Gateway";
    [GeneratedRegex("const string Section = \"([^\"]+)\"")]
    private static partial Regex Section();

    // public int MaxEvents { get; set; }
    [GeneratedRegex(@"public [\w<>?.]+ (\w+) \{ get; set; \}")]
    private static partial Regex Setting();
}
