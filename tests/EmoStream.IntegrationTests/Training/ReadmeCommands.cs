using EmoStream.Testing;

namespace EmoStream.IntegrationTests.Training;

/// <summary>The three commands as src/training/README.md tells them to users: what is run here is what is written there.</summary>
internal static class ReadmeCommands
{
    private const string Heading = "## From your labelled meetings to a bundle, in three commands";
    private const string Setup = "export PYTHONPATH=src/training";

    private static readonly string[] Files = ["meetings.jsonl", "features.jsonl", "run", "my-bundle"];

    /// <summary>A shell script for the repository's root: the setup, then the commands with their files somewhere else.</summary>
    /// <param name="at">Where a file of the README lies.</param>
    /// <param name="train">Added to the second command.</param>
    /// <param name="bundle">Added to the third.</param>
    public static string Script(Func<string, string> at, string train, string bundle)
    {
        var section = File.ReadLines(Checkout.At("src", "training", "README.md"))
            .SkipWhile(line => line != Heading).Skip(1).TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal)).ToList();
        Assert.Contains(section, line => line.Contains($"`{Setup}`", StringComparison.Ordinal));
        var commands = section.SkipWhile(line => line != "```sh").Skip(1).TakeWhile(line => line != "```").Select(line => line.Split(' ')).ToList();
        Assert.Equal(3, commands.Count);
        // A file that is named anew would be written into the checkout.
        Assert.All(Files, file => Assert.Contains(commands, words => words.Contains(file)));
        string[] more = ["", train, bundle];
        return string.Join('\n', [Setup, .. commands.Zip(more, (words, added) => $"{string.Join(' ', words.Select(word => Files.Contains(word) ? $"'{at(word)}'" : word))} {added}")]);
    }
}
