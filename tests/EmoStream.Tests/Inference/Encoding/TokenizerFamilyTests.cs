using System.Text.Json;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Encoding;
using EmoStream.Testing;

namespace EmoStream.Tests.Inference.Encoding;

/// <summary>Every family's tokens beside those of the libraries that the encoders were trained with.</summary>
public sealed class TokenizerFamilyTests
{
    private static readonly string Tiny = Path.Combine(AppContext.BaseDirectory, "Inference", "Assets", "tiny-tokenizers");

    // The libraries turn a typed special token into the token itself where they see one; for us it is text.
    private const string TypedTokens = "[CLS] [SEP] <s> </s> <mask> [MASK]";

    private static readonly Dictionary<string, int[]> TypedIds = new()
    {
        ["bert"] = [2, 37, 938, 443, 39, 37, 871, 455, 39, 32, 61, 34, 32, 19, 61, 34, 32, 827, 443, 451, 34, 37, 827, 443, 451, 39, 3],
        ["roberta"] = [0, 63, 39, 48, 55, 65, 326, 55, 41, 52, 65, 2368, 87, 34, 2368, 19, 87, 34, 2368, 81, 297, 79, 34, 326, 49, 2900, 47, 65, 2],
    };

    public static TheoryData<string> Families => [.. FamilyBundle.Encoders.Keys];

    public static TheoryData<string> TinyFamilies => [.. FamilyBundle.Encoders.Keys.Where(family => family != "bert")];

    [Theory]
    [MemberData(nameof(Families))]
    public void Encode_ReferenceTexts_GivesTheirIds(string family)
    {
        var directory = Checkout.Shared("data", "hf-encoders", family);
        Assert.SkipUnless(directory is not null, $"needs ../shared/data/hf-encoders/{family} beside the checkout (tokenizer and reference.json)");
        var tokenizer = new TextTokenizer(FamilyBundle.Load(family, directory!));

        using var reference = JsonDocument.Parse(File.ReadAllText(Path.Combine(directory!, "reference.json")));
        var cases = reference.RootElement.GetProperty("cases").EnumerateArray()
            .Select(check => (Text: check.GetProperty("text").GetString()!, Ids: check.GetProperty("ids").Deserialize<int[]>()!))
            .Select(check => check.Text == TypedTokens ? (check.Text, TypedIds.GetValueOrDefault(family, check.Ids)) : check);
        Assert.Equal(224, CountEqual(tokenizer, cases));
    }

    [Theory]
    [MemberData(nameof(TinyFamilies))]
    public void Encode_TinyTokenizers_GivesTheIdsOfTheirLibraries(string family)
    {
        var tokenizer = new TextTokenizer(FamilyBundle.Load(family, Tiny));

        using var expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(Tiny, "expected.json")));
        Assert.Equal(23, CountEqual(tokenizer, expected.RootElement.EnumerateArray()
            .Select(check => (check.GetProperty("text").GetString()!, check.GetProperty(family).Deserialize<int[]>()!))));
    }

    [Theory]
    [MemberData(nameof(TinyFamilies))]
    public void Encode_HalvesOfSurrogatePairs_CountAsReplacementCharacters(string family)
    {
        var tokenizer = new TextTokenizer(FamilyBundle.Load(family, Tiny));

        Assert.Equal(tokenizer.Encode("we \ufffd are\ufffd late"), tokenizer.Encode("we \ud83d are\ude00 late"));
    }

    [Theory]
    [MemberData(nameof(TinyFamilies))]
    public void Encode_HugeTexts_AreCutWithTheLastTokenLast(string family)
    {
        var tokenizer = new TextTokenizer(FamilyBundle.Load(family, Tiny));
        var last = tokenizer.Encode("")[1];

        Assert.All(["we are late ", "a", "\ud83d\ude00\u200d ", "\ud83d", "'", "\u4e2d "], part =>
        {
            var ids = tokenizer.Encode(string.Concat(Enumerable.Repeat(part, 100_000)));
            Assert.Equal(last, ids[^1]);
            Assert.InRange(ids.Length, 2, 128);
        });
    }

    [Theory]
    [MemberData(nameof(TinyFamilies))]
    public void Encode_ManyThreads_GivesTheSameIds(string family)
    {
        var tokenizer = new TextTokenizer(FamilyBundle.Load(family, Tiny));
        var texts = Enumerable.Range(0, 500).Select(i => $"we are {i} late again, are we {i * 7919}? \u4e2d{i}").ToArray();
        var alone = texts.Select(tokenizer.Encode).ToArray();
        var together = new int[texts.Length][];

        Parallel.For(0, texts.Length, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i => together[i] = tokenizer.Encode(texts[i]));

        Assert.Equal(alone, together);
    }

    [Fact]
    public void Encode_PrefixSpace_MakesTheFirstWordLikeTheOthers()
    {
        var plain = new TextTokenizer(FamilyBundle.Load("roberta", Tiny));
        var prefixed = new TextTokenizer(FamilyBundle.Load("roberta", Tiny, encoder => encoder["prefixSpace"] = true));

        Assert.Equal(plain.Encode(" late"), prefixed.Encode("late"));
        Assert.Equal(plain.Encode(" late"), prefixed.Encode(" late"));
        Assert.Equal([0, 2], prefixed.Encode(""));
        Assert.NotEqual(plain.Encode("late"), prefixed.Encode("late"));
    }

    [Theory]
    [InlineData("roberta", "vocab.json", "[]", "vocab.json, merges.txt: expected a byte-level BPE vocabulary")]
    [InlineData("roberta", "vocab.json", """{"<s>":0,"</s>":1,"a":2}""", "vocab.json")]
    [InlineData("roberta", "merges.txt", "a b c d\n", "vocab.json, merges.txt: expected a byte-level BPE vocabulary")]
    [InlineData("xlm-roberta", "sentencepiece.bpe.model", "no model", "sentencepiece.bpe.model: expected a SentencePiece model")]
    [InlineData("deberta-v2", "spm.model", "", "spm.model: expected a SentencePiece model")]
    public void Create_UnreadableFile_NamesIt(string family, string file, string content, string expected)
    {
        var directory = Directory.CreateTempSubdirectory("emostream-tokenizer-").FullName;
        foreach (var source in Directory.GetFiles(Tiny))
        {
            File.Copy(source, Path.Combine(directory, Path.GetFileName(source)));
        }

        File.WriteAllText(Path.Combine(directory, file), content);
        var bundle = FamilyBundle.Load(family, directory);
        Directory.Delete(directory, recursive: true);

        Assert.StartsWith(expected, Assert.Throws<BundleException>(() => new TextTokenizer(bundle)).Message, StringComparison.Ordinal);
    }

    /// <summary>How many texts have their ids; fails with the first ones that have not.</summary>
    private static int CountEqual(TextTokenizer tokenizer, IEnumerable<(string Text, int[] Ids)> cases)
    {
        var all = cases.ToArray();
        var wrong = all.Where(check => !check.Ids.SequenceEqual(tokenizer.Encode(check.Text)))
            .Select(check => $"{JsonSerializer.Serialize(check.Text)}: expected {string.Join(' ', check.Ids)}, actual {string.Join(' ', tokenizer.Encode(check.Text))}")
            .Take(5)
            .ToArray();
        Assert.True(wrong.Length == 0, string.Join('\n', wrong));
        return all.Length;
    }
}
