using System.Text.Json;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Encoding;
using EmoStream.Inference.Sessions;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace EmoStream.Tests.Inference.Encoding;

/// <summary>Every family as src/training exports it and ONNX Runtime runs it, beside the output of the library it comes from.</summary>
public sealed class EncoderFamilyTests(ExportedEncoders exported) : IClassFixture<ExportedEncoders>
{
    public static TheoryData<string> Families => [.. FamilyBundle.Encoders.Keys];

    [Theory]
    [MemberData(nameof(Families))]
    public void Run_Float32_EqualsTheReference(string family)
    {
        var worst = WorstDifference(exported.Load(family, "float32"), family);

        TestContext.Current.TestOutputHelper!.WriteLine($"{family}: {worst}");
        Assert.InRange(worst, 0, 1e-4);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Run_Int8_IsCloseToTheReference(string family)
    {
        var worst = WorstDifference(exported.Load(family, "int8"), family);

        TestContext.Current.TestOutputHelper!.WriteLine($"{family}: {worst}");
        // Random weights make rounding errors as large as they get; exact equality would mean that nothing was rounded.
        Assert.InRange(worst, 1e-4, 0.05);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Encode_AloneAndTogether_GivesTheSameDescriptors(string family)
    {
        using var encoder = new TextEncoder(exported.Load(family, "int8"), TinyBundle.Options());
        var texts = Cases(family).Select(check => check.Text).ToArray();

        var together = encoder.Encode(texts);

        var different = texts.Select((text, i) => (Alone: encoder.Encode([text])[0], Together: together[i])).Sum(CountDifferent);
        TestContext.Current.TestOutputHelper!.WriteLine($"{family}: {different} of {texts.Length * together[0].Length / 2}");
        Assert.Equal(0, different);
    }

    private static int CountDifferent((byte[] Alone, byte[] Together) descriptors)
        => descriptors.Alone.Chunk(2).Zip(descriptors.Together.Chunk(2)).Count(pair => !pair.First.SequenceEqual(pair.Second));

    /// <summary>The first eight values of the mean over tokens, on the reference's own tokens, eight texts to a batch.</summary>
    private static float WorstDifference(ModelBundle bundle, string family)
    {
        var dimension = bundle.Manifest.Modalities[0].Dimension;
        using var model = new OnnxModel(
            bundle,
            "text-encoder.onnx",
            new ExecutionProviders(TinyBundle.Options(), NullLogger.Instance),
            [new("input_ids", TensorElementType.Int64, -1, -1), new("attention_mask", TensorElementType.Int64, -1, -1)],
            [new("descriptor", TensorElementType.Float, -1, dimension)]);
        var (ids, mask, values) = (new TensorBuffer<long>(), new TensorBuffer<long>(), new TensorBuffer<float>());
        var worst = 0f;
        foreach (var batch in Cases(family).Chunk(8))
        {
            var longest = batch.Max(check => check.Ids.Length);
            ids.Take(batch.Length * longest).Clear();
            mask.Take(batch.Length * longest).Clear();
            for (var row = 0; row < batch.Length; row++)
            {
                Array.ConvertAll(batch[row].Ids, id => (long)id).CopyTo(ids.Take(batch.Length * longest)[(row * longest)..]);
                mask.Take(batch.Length * longest).Slice(row * longest, batch[row].Ids.Length).Fill(1);
            }

            var descriptors = values.Take(batch.Length * dimension);
            model.Run([ids.Tensor([batch.Length, longest]), mask.Tensor([batch.Length, longest])], [values.Tensor([batch.Length, dimension])]);
            for (var row = 0; row < batch.Length; row++)
            {
                var mean = descriptors.Slice((row * dimension) + (dimension / 2), batch[row].Mean.Length).ToArray();
                worst = Math.Max(worst, mean.Zip(batch[row].Mean, (actual, expected) => Math.Abs(actual - expected)).Max());
            }
        }

        return worst;
    }

    private static ReferenceCase[] Cases(string family)
        => JsonSerializer.Deserialize<ReferenceFile>(File.ReadAllText(Path.Combine(ExportedEncoders.Reference(family)!, "reference.json")), JsonSerializerOptions.Web)!.Cases;

    private sealed record ReferenceFile(ReferenceCase[] Cases);

    private sealed record ReferenceCase(string Text, int[] Ids, float[] Mean);
}
