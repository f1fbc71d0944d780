using EmoStream.Contracts.Events;
using EmoStream.Contracts.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Scoring;

namespace EmoStream.Tests.Inference.Scoring;

public sealed class ScoreRequestValidatorTests
{
    private static readonly ModelDescription Model = ModelBundle.Load(TinyBundle.Directory).Description;

    public static TheoryData<string, ContextRow, string> BadRows => new()
    {
        { "nothing", new ContextRow { Speaker = 0 }, "row 0 of 1: expected descriptors or input" },
        { "too few descriptors", new ContextRow { Speaker = 0, Descriptors = [null] }, "row 0 of 1: expected 2 descriptor(s), one per modality of tiny@1.2.3, found 1" },
        { "short descriptor", new ContextRow { Speaker = 0, Descriptors = [new byte[15], null] }, "row 0 of 1: text: expected a descriptor of 16 bytes (8 float16 of text/tiny@1), found 15" },
        { "raw media", Audio(new() { Media = [1], ContentType = "audio/wav" }), "row 0 of 1: audio: tiny@1.2.3 has no encoder for raw media: expected features of audio/tiny@1" },
        { "other space", Audio(new() { Features = new("secret name@1", new float[5]) }), "row 0 of 1: audio: expected features of audio/tiny@1, found another space" },
        { "too long", Audio(new() { Features = new("audio/tiny@1", new float[6]) }), "row 0 of 1: audio: expected 5 values of audio/tiny@1, found 6" },
        { "NaN", Audio(new() { Features = new("audio/tiny@1", [0, 0, float.NaN, 0, 0]) }), "row 0 of 1: audio: expected finite values of at most 65504 (float16)" },
        { "infinite", Audio(new() { Features = new("audio/tiny@1", [0, 0, 0, 0, float.NegativeInfinity]) }), "row 0 of 1: audio: expected finite values" },
        { "beyond float16", Audio(new() { Features = new("audio/tiny@1", [-70000, 0, 0, 0, 0]) }), "row 0 of 1: audio: expected finite values" },
        { "no modality", new ContextRow { Speaker = 0, Input = new() }, "row 0 of 1: expected a modality that tiny@1.2.3 takes" },
        { "only others", new ContextRow { Speaker = 0, Input = new() { Face = new() { Media = [1] } } }, "row 0 of 1: expected a modality that tiny@1.2.3 takes" },
        { "no descriptor", new ContextRow { Speaker = 0, Descriptors = [null, null] }, "row 0 of 1: expected a modality that tiny@1.2.3 takes" },
    };

    [Theory]
    [MemberData(nameof(BadRows))]
    public void Validate_BadRow_SaysWhatIsExpected(string what, ContextRow row, string expected)
    {
        var problem = ScoreRequestValidator.Validate(new() { Rows = [row], Scored = [0] }, Model);

        Assert.True(problem is not null, what);
        Assert.StartsWith(expected, problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(-1)]
    [InlineData(1, 1)]
    [InlineData(1, 0)]
    public void Validate_BadIndexes_AreRefused(params int[] scored)
    {
        var rows = new[] { TinyBundle.Row(0, "ok"), TinyBundle.Row(0, "ok") };

        Assert.Contains("expected ascending indexes below 2", ScoreRequestValidator.Validate(new() { Rows = rows, Scored = scored }, Model), StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_ContextRowWithoutModality_IsFine()
    {
        var rows = new[] { new ContextRow { Speaker = 0, Descriptors = [null, null] }, TinyBundle.Row(1, "") };

        Assert.Null(ScoreRequestValidator.Validate(new() { Rows = rows, Scored = [1] }, Model));
    }

    [Fact]
    public void Validate_TextWithoutEncoder_IsRefused()
    {
        var features = Model with { Modalities = [Model.Modalities[0] with { HasEncoder = false }, Model.Modalities[1]] };

        Assert.Equal("row 0 of 1: text: tiny@1.2.3 has no text encoder", ScoreRequestValidator.Validate(new() { Rows = [TinyBundle.Row(0, "ok")], Scored = [0] }, features));
    }

    private static ContextRow Audio(ModalityInput input) => new() { Speaker = 0, Input = new() { Audio = input } };
}
