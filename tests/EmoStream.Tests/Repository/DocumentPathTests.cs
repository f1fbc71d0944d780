using System.Text.RegularExpressions;
using EmoStream.Testing;

namespace EmoStream.Tests.Repository;

/// <summary>A map that nothing checks is wrong within a month.</summary>
public sealed partial class DocumentPathTests
{
    [Theory]
    [InlineData("README.md", 15)]
    [InlineData("src/README.md", 10)]
    [InlineData("CONTRIBUTING.md", 5)]
    public void NamedPaths_All_Exist(string document, int atLeast)
    {
        var file = Checkout.At(document.Split('/'));
        var text = File.ReadAllText(file);
        var fromRoot = RootPath().Matches(text).Select(match => Checkout.At(match.Value.TrimEnd('.', '/')));
        var linked = Link().Matches(text).Select(match => match.Groups[1].Value)
            .Where(target => !target.StartsWith("http", StringComparison.Ordinal) && !target.StartsWith('#'))
            .Select(target => Path.Combine(Path.GetDirectoryName(file)!, target.Split('#')[0]));
        var named = fromRoot.Concat(linked).Distinct().ToList();

        Assert.True(named.Count >= atLeast, $"only {named.Count} paths were recognised");
        Assert.Empty(named.Where(path => !Path.Exists(path)).Select(path => Path.GetRelativePath(Checkout.Root, path)));
    }

    [Fact]
    public void SourceMap_EveryProject_HasOneLine()
    {
        var map = File.ReadAllLines(Checkout.At("src", "README.md"));
        var projects = Directory.GetDirectories(Checkout.At("src")).Select(directory => Path.GetFileName(directory)!).ToList();

        Assert.NotEmpty(projects);
        Assert.All(projects, project => Assert.Single(map, line => line.StartsWith($"| [{project}](", StringComparison.Ordinal)));
    }

    [GeneratedRegex(@"(?<![\w./-])(?:src|tests|infra|AppHost|\.ci)/[\w./-]*\w")]
    private static partial Regex RootPath();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();
}
