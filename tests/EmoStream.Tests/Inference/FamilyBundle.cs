using System.Security.Cryptography;
using System.Text.Json.Nodes;
using EmoStream.Inference.Bundle;

namespace EmoStream.Tests.Inference;

/// <summary>The tiny bundle with the tokenizer of another family of encoders; its ONNX file stays, so it can only tokenise.</summary>
internal static class FamilyBundle
{
    /// <summary>Every family, and what a manifest says of its tokenizer.</summary>
    public static readonly Dictionary<string, string> Encoders = new()
    {
        ["bert"] = """{"tokenizer":"wordpiece","vocabulary":"vocab.txt"}""",
        ["roberta"] = """{"tokenizer":"bpe","vocabulary":"vocab.json","merges":"merges.txt"}""",
        ["xlm-roberta"] = """{"tokenizer":"sentencepiece","vocabulary":"sentencepiece.bpe.model","ids":{"first":0,"last":2,"unknown":3,"offset":1}}""",
        ["deberta-v2"] = """{"tokenizer":"sentencepiece","vocabulary":"spm.model","ids":{"first":1,"last":2,"unknown":3}}""",
    };

    /// <summary>With the tokenizer files of <paramref name="directory"/>, which is laid out as Hugging Face does.</summary>
    public static ModelBundle Load(string family, string directory, Action<JsonObject>? change = null)
    {
        var copy = TinyBundle.Copy();
        var path = Path.Combine(copy, BundleManifest.FileName);
        var manifest = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        var encoder = JsonNode.Parse(Encoders[family])!.AsObject();
        foreach (var member in new[] { "vocabulary", "merges" })
        {
            if (encoder[member]?.GetValue<string>() is { } file)
            {
                File.Copy(Path.Combine(directory, file), Path.Combine(copy, file), overwrite: true);
                manifest["files"]![file] = Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(Path.Combine(copy, file))));
            }
        }

        encoder["model"] = "text-encoder.onnx";
        encoder["maxTokens"] = 128;
        manifest["modalities"]![0]!["encoder"] = encoder;
        change?.Invoke(encoder);
        File.WriteAllText(path, manifest.ToJsonString());
        return ModelBundle.Load(copy);
    }
}
