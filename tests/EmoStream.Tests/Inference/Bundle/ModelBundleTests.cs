using System.Text.Json.Nodes;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Encoding;

namespace EmoStream.Tests.Inference.Bundle;

public sealed class ModelBundleTests
{
    [Fact]
    public void Load_GoodBundle_DescribesTheModel()
    {
        var description = ModelBundle.Load(TinyBundle.Directory).Description;

        Assert.Equal(("tiny@1.2.3", 3, 1, 0.9f), (description.Bundle, description.Window, description.LookAhead, description.Coverage));
        Assert.Equal(["neutral", "joy", "anger"], description.Labels);
        Assert.Equal([("text", 8, true), ("audio", 5, false)], description.Modalities.Select(m => (m.Name, m.Dimension, m.HasEncoder)));
    }

    [Theory]
    [InlineData("name", "\"\"", "manifest.json: name: expected 1 to 64 of")]
    [InlineData("version", "\"1.0\"", "manifest.json: version: expected a semantic version such as 1.0.0, found '1.0'.")]
    [InlineData("license", "\" \"", "manifest.json: license: expected a licence name")]
    [InlineData("labels", "[\"joy\"]", "manifest.json: labels: expected at least two labels, found '1'.")]
    [InlineData("labels", "[\"joy\",\"joy\"]", "manifest.json: labels[1]: expected a label that was not listed before, found 'joy'.")]
    [InlineData("labels", "[\"joy\",null]", "manifest.json: labels[1]: expected a name without blanks around it")]
    [InlineData("modalities", "[]", "manifest.json: modalities: expected at least one modality")]
    [InlineData("modalities[0].name", "\"smell\"", "manifest.json: modalities[0].name: expected one of text, audio, face, body, found 'smell'.")]
    [InlineData("modalities[1].name", "\"text\"", "manifest.json: modalities[1].name: expected a modality that was not listed before")]
    [InlineData("modalities[1].dimension", "0", "manifest.json: modalities[1].dimension: expected 1 to 65536, found '0'.")]
    [InlineData("modalities[1].dimension", "-4", "manifest.json: modalities[1].dimension: expected 1 to 65536, found '-4'.")]
    [InlineData("modalities[1].featureSpace", "\"audio\"", "manifest.json: modalities[1].featureSpace: expected name@version")]
    [InlineData("modalities[1].featureSpace", "\"text/tiny@1\"", "manifest.json: modalities[1].featureSpace: expected a space that was not listed before")]
    [InlineData("modalities[0].encoder.tokenizer", "\"spm\"", "manifest.json: modalities[0].encoder.tokenizer: expected one of wordpiece, bpe, sentencepiece, found 'spm'.")]
    [InlineData("modalities[0].encoder.merges", "\"merges.txt\"", "manifest.json: modalities[0].encoder.merges: expected nothing: it belongs to bpe, and the tokenizer is wordpiece, found 'merges.txt'.")]
    [InlineData("modalities[0].encoder.prefixSpace", "true", "manifest.json: modalities[0].encoder.prefixSpace: expected nothing: it belongs to bpe")]
    [InlineData("modalities[0].encoder.ids", "{\"first\":0,\"last\":2,\"unknown\":3}", "manifest.json: modalities[0].encoder.ids: expected nothing: it belongs to sentencepiece")]
    [InlineData("modalities[0].encoder.ids", "{\"first\":0,\"last\":2}", "manifest.json: JSON deserialization for type")]
    [InlineData("modalities[0].encoder.tokenizer", "\"bpe\"", "manifest.json: modalities[0].encoder.lowercase: expected nothing: it belongs to wordpiece, and the tokenizer is bpe")]
    [InlineData("modalities[0].encoder.maxTokens", "2", "manifest.json: modalities[0].encoder.maxTokens: expected 3 to 8192, found '2'.")]
    [InlineData("modalities[0].encoder.vocabulary", "\"words.txt\"", "manifest.json: modalities[0].encoder.vocabulary: expected a file that \"files\" lists")]
    [InlineData("context.window", "-1", "manifest.json: context.window: expected 0 to 512, found '-1'.")]
    [InlineData("context.lookAhead", "1000", "manifest.json: context.lookAhead: expected 0 to 512, found '1000'.")]
    [InlineData("context.model", "\"other.onnx\"", "manifest.json: context.model: expected a file that \"files\" lists")]
    [InlineData("calibration.temperatures.text", "0", "manifest.json: calibration.temperatures[\"text\"]: expected a positive number, found '0'.")]
    [InlineData("calibration.temperatures.face", "1", "manifest.json: calibration.temperatures[\"face\"]: expected one of text, audio, text+audio")]
    [InlineData("calibration.temperatures.audio+text", "1", "manifest.json: calibration.temperatures[\"audio+text\"]: expected one of")]
    [InlineData("calibration.conformal.coverage", "1", "manifest.json: calibration.conformal.coverage: expected more than 0 and less than 1, found '1'.")]
    [InlineData("calibration.conformal.thresholds.text", "1.5", "manifest.json: calibration.conformal.thresholds[\"text\"]: expected 0 to 1, found '1.5'.")]
    [InlineData("files.vocab<dot>txt", "\"abc\"", "manifest.json: files[\"vocab.txt\"]: expected a SHA-256 in 64 hex digits, found 'abc'.")]
    [InlineData("context.windows", "3", "manifest.json: The JSON property 'windows' could not be mapped")]
    public void Load_BadMember_NamesItAndWhatIsExpected(string member, string json, string expected)
    {
        var directory = TinyBundle.Copy(manifest => Set(manifest, member, JsonNode.Parse(json)));

        Assert.StartsWith(expected, Failure(directory), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"tokenizer":"bpe"}""", "merges: expected a file that \"files\" lists with its hash, found ''.")]
    [InlineData("""{"tokenizer":"bpe","merges":"merges.txt"}""", "merges: expected a file that \"files\" lists with its hash, found 'merges.txt'.")]
    [InlineData("""{"tokenizer":"sentencepiece"}""", "ids: expected first, last, unknown and offset, none below 0, found ''.")]
    [InlineData("""{"tokenizer":"sentencepiece","ids":{"first":-1,"last":2,"unknown":3}}""", "ids: expected first, last, unknown and offset, none below 0")]
    public void Load_TokenizerWithoutWhatItNeeds_SaysWhat(string changes, string expected)
    {
        var directory = TinyBundle.Copy(manifest =>
        {
            var encoder = manifest["modalities"]![0]!["encoder"]!.AsObject();
            encoder.Remove("lowercase");
            foreach (var (member, value) in JsonNode.Parse(changes)!.AsObject())
            {
                encoder[member] = value!.DeepClone();
            }
        });

        Assert.StartsWith($"manifest.json: modalities[0].encoder.{expected}", Failure(directory), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../outside.txt")]
    [InlineData("a/../../outside.txt")]
    [InlineData("/etc/hostname")]
    [InlineData("c:outside.txt")]
    [InlineData("..\\outside.txt")]
    [InlineData("")]
    [InlineData("./vocab.txt")]
    public void Load_FileOutsideTheDirectory_IsRefused(string file)
    {
        var directory = TinyBundle.Copy(manifest => manifest["files"]![file] = new string('0', 64));

        Assert.Equal($"manifest.json: files[\"{file}\"]: expected a relative path with '/' that stays inside the bundle.", Failure(directory));
    }

    [Fact]
    public void Load_OptionalMembersLeftOut_HaveTheirDefaults()
    {
        var manifest = ModelBundle.Load(TinyBundle.Copy(manifest =>
        {
            manifest.Remove("calibration");
            manifest.Remove("description");
            manifest["context"]!.AsObject().Remove("lookAhead");
            manifest["modalities"]![0]!["encoder"]!.AsObject().Remove("lowercase");
            manifest["training"] = JsonNode.Parse("""{"seed":7,"epochs":3,"metrics":{"f1":0.5}}""");
        })).Manifest;

        Assert.Equal(("", 0, null, 0), (manifest.Description, manifest.Context!.LookAhead, manifest.Modalities[0].Encoder!.Lowercase, manifest.Sources.Length));
        Assert.Equal((7, "", 3), (manifest.Training!.Seed, manifest.Training.Revision, manifest.Training.More!["epochs"].GetInt32()));
        Assert.Empty(manifest.Training.Data);
    }

    [Fact]
    public void Load_MemberOfAnotherType_SaysWhere()
    {
        var failure = Failure(TinyBundle.Copy(manifest => manifest["context"]!["window"] = "3"));

        Assert.Contains("$.context.window", failure, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_MemberLeftOut_NamesIt()
    {
        var failure = Failure(TinyBundle.Copy(manifest => manifest.Remove("labels")));

        Assert.Contains("labels", failure, StringComparison.Ordinal);
        Assert.StartsWith("manifest.json: ", failure, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_ChangedFile_NamesItAndBothHashes()
    {
        var directory = TinyBundle.Copy();
        File.AppendAllText(Path.Combine(directory, "vocab.txt"), "more\n");

        Assert.Matches("^vocab.txt: SHA-256 is [0-9a-f]{64}, manifest.json expects [0-9a-f]{64}: the file was changed or damaged.$", Failure(directory));
    }

    [Fact]
    public void Load_FileMissing_NamesIt()
    {
        var directory = TinyBundle.Copy();
        File.Delete(Path.Combine(directory, "context.onnx"));

        Assert.Equal("context.onnx: is listed in manifest.json but missing from the bundle.", Failure(directory));
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("LICENSE.txt")]
    [InlineData("NOTICE")]
    [InlineData("COPYING")]
    public void Load_UnlistedFile_IsRefusedUnlessItIsANote(string note)
    {
        var directory = TinyBundle.Copy();
        File.WriteAllText(Path.Combine(directory, note), "notes");
        Assert.Equal("tiny@1.2.3", ModelBundle.Load(directory).Id);

        File.WriteAllText(Path.Combine(directory, "weights.bin"), "external data");
        Assert.Equal("weights.bin: lies in the bundle but manifest.json does not list it under \"files\".", Failure(directory));
    }

    [Fact]
    public void Load_NoBundle_SaysWhatABundleIs()
    {
        Assert.Contains("expected a model bundle, a directory with a manifest.json", Failure(Path.GetTempPath()), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NotJson_SaysWhere()
    {
        var directory = TinyBundle.Copy();
        File.WriteAllText(Path.Combine(directory, "manifest.json"), "{\"name\": tiny}");

        Assert.Contains("LineNumber: 0", Failure(directory), StringComparison.Ordinal);
    }

    [Fact]
    public void Description_BundleWithoutContext_EncodesButDoesNotScore()
    {
        var bundle = ModelBundle.Load(TinyBundle.Copy(manifest => manifest.Remove("context")));

        Assert.Equal([2, 3], new TextTokenizer(bundle).Encode(""));
        Assert.Contains("context: expected a context model", Assert.Throws<BundleException>(() => bundle.Description).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("modalities[1].dimension", "6", "context.onnx: input 'audio': expected Float[?,?,6], found Float[?,?,5].")]
    [InlineData("modalities[1].name", "\"face\"", "context.onnx: expected an input 'face' Float[?,?,5]; it has")]
    [InlineData("labels", "[\"joy\",\"anger\"]", "context.onnx: output 'logits': expected Float[?,?,2], found Float[?,?,3].")]
    [InlineData("modalities[0].encoder.model", "\"context.onnx\"", "context.onnx: expected an input 'input_ids' Int64[?,?]; it has")]
    public void Open_ModelDoesNotFitTheManifest_SaysHow(string member, string json, string expected)
    {
        var directory = TinyBundle.Copy(manifest =>
        {
            manifest.Remove("calibration");
            Set(manifest, member, JsonNode.Parse(json));
        });

        Assert.StartsWith(expected, Assert.Throws<BundleException>(() => TinyBundle.Open(directory)).Message, StringComparison.Ordinal);
    }

    private static string Failure(string directory) => Assert.Throws<BundleException>(() => ModelBundle.Load(directory)).Message;

    /// <summary>Sets <c>a.b[0].c</c>; <c>&lt;dot&gt;</c> stands for a dot in a name.</summary>
    private static void Set(JsonNode root, string member, JsonNode? value)
    {
        var path = member.Replace("[", ".#", StringComparison.Ordinal).Replace("]", "", StringComparison.Ordinal).Split('.');
        var node = root;
        foreach (var part in path[..^1])
        {
            node = part[0] == '#' ? node[int.Parse(part[1..], null)]! : node[part]!;
        }

        node[path[^1].Replace("<dot>", ".", StringComparison.Ordinal)] = value;
    }
}
