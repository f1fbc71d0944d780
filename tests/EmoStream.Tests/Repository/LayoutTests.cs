using EmoStream.Testing;

namespace EmoStream.Tests.Repository;

/// <summary>The tree is for readers: a short root, folders named for what flows through them, files that fit in the head.</summary>
public sealed class LayoutTests
{
    private const int MaxLines = 400;

    private static readonly string[] TopLevel =
    [
        ".ci", ".editorconfig", ".gitignore", "AppHost", "BannedSymbols.txt", "CHANGELOG.md", "CONTRIBUTING.md",
        "Directory.Build.props", "Directory.Packages.props", "EmoStream.sln", "LICENSE", "README.md", "docker-compose.yml",
        "global.json", "infra", "src", "tests",
    ];

    private static readonly string[] BannedFolders = ["services", "helpers", "interfaces", "utils", "common"];
    private static readonly string[] SourceEndings = [".cs", ".py", ".js", ".ts", ".css", ".html", ".lua"];

    [Fact]
    public void TopLevel_Listing_IsTheAgreedOne()
    {
        var ignored = File.ReadAllLines(Checkout.At(".gitignore")).Select(line => line.Trim('/')).Append(".git").ToHashSet();
        var found = Directory.GetFileSystemEntries(Checkout.Root).Select(path => Path.GetFileName(path)!)
            .Where(name => !ignored.Contains(name) && !ignored.Contains("*" + Path.GetExtension(name)));

        Assert.Equal(TopLevel.Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Folders_OfKinds_DoNotExist() =>
        Assert.DoesNotContain(Folders(Checkout.Root), folder => BannedFolders.Contains(Path.GetFileName(folder).ToLowerInvariant()));

    [Fact]
    public void SourceFiles_All_FitInTheHead()
    {
        var files = Folders(Checkout.Root).SelectMany(Directory.GetFiles)
            .Where(file => SourceEndings.Contains(Path.GetExtension(file)))
            .ToList();

        Assert.True(files.Count > 50, $"only {files.Count} source files were recognised");
        Assert.DoesNotContain(
            files.Select(file => (File: Path.GetRelativePath(Checkout.Root, file), Lines: File.ReadLines(file).Count())),
            file => file.Lines > MaxLines);
    }

    /// <summary>All folders of the checkout but build outputs and what tools keep for themselves.</summary>
    private static IEnumerable<string> Folders(string folder) =>
        Directory.GetDirectories(folder)
            .Where(child => Path.GetFileName(child) is not ("bin" or "obj" or "artifacts" or "TestResults" or "__pycache__")
                && (!Path.GetFileName(child).StartsWith('.') || Path.GetFileName(child) == ".ci"))
            .SelectMany(child => Folders(child).Prepend(child));
}
