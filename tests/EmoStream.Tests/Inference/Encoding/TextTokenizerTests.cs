using System.Text.Json;
using System.Text.Json.Nodes;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Encoding;
using EmoStream.Testing;

namespace EmoStream.Tests.Inference.Encoding;

public sealed class TextTokenizerTests
{
    private readonly TextTokenizer _tokenizer = new(ModelBundle.Load(TinyBundle.Directory));

    [Fact]
    public void Encode_KnownTexts_GivesBertsTokens()
    {
        Assert.All(TinyBundle.Expected.Tokens, pair => Assert.Equal(pair.Value, _tokenizer.Encode(pair.Key)));
        Assert.Equal(6, TinyBundle.Expected.Tokens.Count);
    }

    [Theory]
    [InlineData("GREAT")]
    [InlineData("  great\t\r\n")]
    [InlineData("gr\u00e9at")]
    [InlineData("gre\u0301at")]
    [InlineData("\u200bgre\u00adat\ufeff\u0085")]
    public void Encode_CaseBlanksAccents_MakeNoDifference(string text) => Assert.Equal([2, 19, 3], _tokenizer.Encode(text));

    [Fact]
    public void Encode_CasedModel_KeepsCaseAndAccents()
    {
        var cased = new TextTokenizer(ModelBundle.Load(TinyBundle.Copy(manifest => manifest["modalities"]![0]!["encoder"]!["lowercase"] = false)));

        Assert.Equal([2, 19, 1, 1, 19, 3], cased.Encode("great Great gr\u00e9at\tgreat"));
    }

    [Theory]
    [InlineData("great\tgreat")]
    [InlineData("great\r\ngreat")]
    [InlineData("great\u00a0great")]
    [InlineData("great\u2028great")]
    public void Encode_WordsApart_StayApart(string text) => Assert.Equal([2, 19, 19, 3], _tokenizer.Encode(text));

    [Theory]
    [InlineData("\ud83d\ude00")]
    [InlineData("\u4f60")]
    [InlineData("x\0y")]
    public void Encode_WhatNoVocabularyHas_IsUnknown(string text) => Assert.Equal([2, 1, 3], _tokenizer.Encode(text));

    [Theory]
    [InlineData("\ud83dgreat")]
    [InlineData("gr\ude00eat")]
    [InlineData("great\ufffd")]
    public void Encode_HalvesOfSurrogatePairs_AreDropped(string text) => Assert.Equal([2, 19, 3], _tokenizer.Encode(text));

    [Fact]
    public void Encode_HugeText_IsCutWithTheSeparatorLast()
    {
        var ids = _tokenizer.Encode(string.Concat(Enumerable.Repeat("great ", 1_000_000)));

        Assert.Equal([2, .. Enumerable.Repeat(19, 10), 3], ids);
    }

    [Fact]
    public void Encode_CutInsideAWord_KeepsItsFirstPieces()
    {
        // Nine words, then "meetings": meet ##ing ##s, of which one piece still fits.
        Assert.Equal([2, .. Enumerable.Repeat(6, 9), 23, 3], _tokenizer.Encode("a a a a a a a a a meetings"));
    }

    [Fact]
    public void Create_VocabularyWithoutSpecialTokens_SaysSo()
    {
        var directory = TinyBundle.Copy();
        var vocabulary = Path.Combine(directory, "vocab.txt");
        File.WriteAllText(vocabulary, "one\ntwo\n");
        var manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(directory, "manifest.json")))!;
        manifest["files"]!["vocab.txt"] = Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(vocabulary)));
        File.WriteAllText(Path.Combine(directory, "manifest.json"), manifest.ToJsonString());

        var failure = Assert.Throws<BundleException>(() => new TextTokenizer(ModelBundle.Load(directory)));
        Assert.StartsWith("vocab.txt: expected a WordPiece vocabulary", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Encode_ReferenceTextsOfMiniLm_GivesTheirIds()
    {
        var reference = Checkout.Shared("pretrained", "text");
        Assert.SkipUnless(reference is not null, "needs ../shared/pretrained/text beside the checkout (vocab.txt and check.json of all-MiniLM-L6-v2)");
        var directory = TinyBundle.Copy();
        File.Copy(Path.Combine(reference!, "vocab.txt"), Path.Combine(directory, "vocab.txt"), overwrite: true);
        var manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(directory, "manifest.json")))!;
        manifest["files"]!["vocab.txt"] = Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(Path.Combine(directory, "vocab.txt"))));
        manifest["modalities"]![0]!["encoder"]!["maxTokens"] = 128;
        File.WriteAllText(Path.Combine(directory, "manifest.json"), manifest.ToJsonString());
        var tokenizer = new TextTokenizer(ModelBundle.Load(directory));

        using var checks = JsonDocument.Parse(File.ReadAllText(Path.Combine(reference!, "check.json")));
        Assert.All(checks.RootElement.EnumerateArray(), check => Assert.Equal(
            check.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()),
            tokenizer.Encode(check.GetProperty("text").GetString()!)));
        Assert.Equal(5, checks.RootElement.GetArrayLength());
    }
}
