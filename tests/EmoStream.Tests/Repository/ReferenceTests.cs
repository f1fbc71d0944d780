using System.Xml.Linq;
using EmoStream.Testing;

namespace EmoStream.Tests.Repository;

/// <summary>References point one way; each project has the dependency set that is its reason to exist.</summary>
public sealed class ReferenceTests
{
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["EmoStream.Contracts"] = [],
        ["EmoStream.ServiceDefaults"] = [],
        ["EmoStream.Streaming.Kafka"] = [],
        ["EmoStream.Inference"] = ["EmoStream.Contracts"],
        ["EmoStream.Timeline"] = ["EmoStream.Contracts"],
        ["EmoStream.Client"] = ["EmoStream.Contracts"],
        ["EmoStream.Silo"] = ["EmoStream.Contracts", "EmoStream.ServiceDefaults", "EmoStream.Streaming.Kafka", "EmoStream.Inference", "EmoStream.Timeline"],
        ["EmoStream.Gateway"] = ["EmoStream.Contracts", "EmoStream.ServiceDefaults", "EmoStream.Timeline", "EmoStream.Client"],
        ["EmoStream.Cli"] = ["EmoStream.Contracts", "EmoStream.Timeline", "EmoStream.Client", "EmoStream.Inference", "EmoStream.Silo", "EmoStream.Gateway"],
    };

    public static TheoryData<string> Projects { get; } =
        [.. Directory.GetFiles(Checkout.At("src"), "*.csproj", SearchOption.AllDirectories).Select(file => Path.GetFileNameWithoutExtension(file))];

    [Theory]
    [MemberData(nameof(Projects))]
    public void ProjectReferences_PointOneWay(string project)
    {
        var references = Includes(project, "ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path.Replace('\\', '/')));

        Assert.Empty(references.Except(Allowed[project]));
    }

    [Theory]
    [InlineData("EmoStream.Streaming.Kafka", "Microsoft.Orleans.,Confluent.Kafka,Microsoft.Extensions.")]
    [InlineData("EmoStream.Inference", "Microsoft.ML.,System.Numerics.Tensors,Microsoft.Extensions.")]
    [InlineData("EmoStream.Client", "Confluent.Kafka,Microsoft.Extensions.,System.Net.ServerSentEvents")]
    public void PackageReferences_StayWithinTheProjectsPurpose(string project, string prefixes)
    {
        var packages = Includes(project, "PackageReference").ToList();

        Assert.NotEmpty(packages);
        Assert.DoesNotContain(packages, package => !prefixes.Split(',').Any(prefix => package.StartsWith(prefix, StringComparison.Ordinal)));
    }

    private static IEnumerable<string> Includes(string project, string element) =>
        XDocument.Load(Checkout.At("src", project, project + ".csproj")).Descendants(element).Select(item => item.Attribute("Include")!.Value);
}
