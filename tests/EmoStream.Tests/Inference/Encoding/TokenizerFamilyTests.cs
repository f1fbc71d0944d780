using System.Text.Json;
using EmoStream.Inference.Encoding;
using EmoStream.Testing;

namespace EmoStream.Tests.Inference.Encoding;

/// <summary>Every family's tokens beside those of the libraries that the encoders were trained with.</summary>
public sealed class TokenizerFamilyTests
{
    public static TheoryData<string> Families => [.. FamilyBundle.Encoders.Keys];

    [Theory]
    [MemberData(nameof(Families))]
    public void Encode_ReferenceTexts_GivesTheirIds(string family)
    {
        var directory = Checkout.Shared("data", "hf-encoders", family);
        Assert.SkipUnless(directory is not null, $"needs ../shared/data/hf-encoders/{family} beside the checkout (tokenizer and reference.json)");
        var tokenizer = new TextTokenizer(FamilyBundle.Load(family, directory!));

        using var reference = JsonDocument.Parse(File.ReadAllText(Path.Combine(directory!, "reference.json")));
        var cases = reference.RootElement.GetProperty("cases").EnumerateArray().ToArray();
        var wrong = from check in cases
                    let text = check.GetProperty("text").GetString()!
                    let expected = string.Join(' ', check.GetProperty("ids").EnumerateArray())
                    let actual = string.Join(' ', tokenizer.Encode(text))
                    where expected != actual
                    select $"{JsonSerializer.Serialize(text)}: expected {expected}, actual {actual}";
        Assert.True(!wrong.Any(), string.Join('\n', wrong));
        Assert.Equal(224, cases.Length);
    }
}
