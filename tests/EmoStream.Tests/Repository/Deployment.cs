using System.Text.RegularExpressions;
using EmoStream.Testing;
using YamlDotNet.Serialization;

namespace EmoStream.Tests.Repository;

/// <summary>What the two deployments hand to each program, as configuration keys (<c>A__B</c> read as <c>A:B</c>).</summary>
internal static partial class Deployment
{
    /// <summary>The keys of one service of docker-compose.yml.</summary>
    public static IReadOnlyDictionary<string, string> Compose(string service)
    {
        var compose = new DeserializerBuilder().IgnoreUnmatchedProperties().Build()
            .Deserialize<ComposeFile>(File.ReadAllText(Checkout.At("docker-compose.yml")));
        return compose.Services[service].Environment.ToDictionary(pair => Key(pair.Key), pair => pair.Value);
    }

    /// <summary>The names of the services in docker-compose.yml, in the order of the file.</summary>
    public static IReadOnlyList<string> ComposeServices() =>
        [.. new DeserializerBuilder().IgnoreUnmatchedProperties().Build()
            .Deserialize<ComposeFile>(File.ReadAllText(Checkout.At("docker-compose.yml"))).Services.Keys];

    /// <summary>The keys of one project of AppHost/Program.cs: its WithEnvironment names, and what its references inject.</summary>
    public static IReadOnlySet<string> AppHost(string project)
    {
        var program = File.ReadAllText(Checkout.At("AppHost", "Program.cs"));
        var resources = Resource().Matches(program).ToDictionary(match => match.Groups["variable"].Value);
        var start = program.IndexOf($"AddProject<Projects.{project.Replace('.', '_')}>", StringComparison.Ordinal);
        Assert.True(start >= 0, $"AppHost does not start {project}");
        var statement = program[start..program.IndexOf(';', start)];

        var keys = Variable().Matches(statement).Select(match => Key(match.Groups[1].Value)).ToHashSet();
        foreach (var resource in Reference().Matches(statement).Select(match => resources[match.Groups[1].Value]))
        {
            keys.UnionWith(resource.Groups["kind"].Value == "Orleans"
                ? ["Orleans:ClusterId", "Orleans:ServiceId", "Orleans:Clustering:ProviderType", "Orleans:Clustering:ServiceKey"]
                : [$"ConnectionStrings:{resource.Groups["name"].Value}"]);
        }

        return keys;
    }

    private static string Key(string variable) => variable.Replace("__", ":", StringComparison.Ordinal);

    // var kafka = builder.AddKafka("kafka")
    [GeneratedRegex("""var (?<variable>\w+) = builder\.Add(?<kind>Kafka|Redis|Orleans)\("(?<name>\w+)"\)""")]
    private static partial Regex Resource();

    [GeneratedRegex(@"\.WithReference\((\w+)")]
    private static partial Regex Reference();

    [GeneratedRegex("""\.WithEnvironment\("(\w+)""")]
    private static partial Regex Variable();

    private sealed class ComposeFile
    {
        [YamlMember(Alias = "services")]
        public Dictionary<string, ComposeService> Services { get; set; } = [];
    }

    private sealed class ComposeService
    {
        [YamlMember(Alias = "environment")]
        public Dictionary<string, string> Environment { get; set; } = [];
    }
}
